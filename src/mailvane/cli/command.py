"""The edge of every command: where the parts come from, and how what went wrong is said."""

import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from mailvane.core.errors import MailvaneError

if TYPE_CHECKING:
    from mailvane.cli.parts import App
    from mailvane.core.ports import Clock
    from mailvane.settings import Settings

_EVERYWHERE = ("--config", "-c", "--state")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Called:
    """How `mailvane` was called: the global options, the clock, and the parts that commands use."""

    config: Path | None = None
    state: Path | None = None
    clock: "Clock" = _now
    parts: "App | None" = None
    """None: `mailvane.app`, which is loaded when it is first needed."""

    @property
    def app(self) -> "App":
        """All parts, joined."""
        if self.parts is not None:
            return self.parts
        from mailvane import app
        from mailvane.cli.quiet import quiet

        quiet()
        return app

    def settings(self) -> "Settings":
        """The configuration that is meant; raises SettingsError with all that is wrong."""
        return self.app.load_settings(self.config, self.state)

    @staticmethod
    def completing(context: typer.Context) -> "Called":
        """The same for a line that is only begun: no command has run yet."""
        options = context.find_root().params
        return Called.of(context, options.get("config"), options.get("state"))

    @staticmethod
    def of(context: typer.Context, config: Path | None, state: Path | None) -> "Called":
        """What the context holds already, with these options."""
        return replace(context.obj or Called(), config=config, state=state)


class CannotGoOn(MailvaneError):
    """A command cannot do what was asked; the text says what to do instead."""

    exit_status: int | None = None
    """None: that of the command for what fails."""


class Group(TyperGroup):
    """The main command: its options are understood wherever they stand, its commands loaded when asked for.

    Loading all of them takes longer than most of them need.
    """

    known: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Command -> the module whose COMMAND it is, and its one sentence."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.commands = cast("dict[str, Any]", dict.fromkeys(self.known))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As typer, with the global options first."""
        return super().parse_args(ctx, _global_first(args))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, loaded; None when there is none."""
        del ctx
        if cmd_name not in self.known:
            return None
        if self.commands[cmd_name] is None:
            module = import_module(f"{__package__}.{self.known[cmd_name][0]}")
            loaded = get_command(module.COMMAND)
            loaded.name = cmd_name
            self.commands[cmd_name] = loaded
        return self.commands[cmd_name]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """As typer, without loading them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in self.known.items()])


class Command(TyperCommand):
    """A command whose errors are sentences on standard error and an exit status; no traceback."""

    failed = 1
    """The exit status when it could not do what was asked."""
    misused = 2
    """The exit status when it was called in a way that it does not understand."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """As typer, with this command's exit status for a wrong call."""
        try:
            return super().make_context(*args, **kwargs)
        except typer.TyperException as error:
            error.exit_code = self.misused
            raise

    def invoke(self, ctx: Any) -> Any:
        """As typer; what Mailvane has to say about why it cannot go on is said, line by line."""
        try:
            return super().invoke(ctx)
        except typer.TyperException as error:
            error.exit_code = self.misused
            raise
        except MailvaneError as error:
            say_error(error)
            raise typer.Exit(getattr(error, "exit_status", None) or self.failed) from error
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            say_error(MailvaneError(f"{error.filename or type(error).__name__}: {error.strerror}"))
            raise typer.Exit(self.failed) from error


def single(function: Callable[..., None], cls: type[Command] = Command) -> typer.Typer:
    """One command, as a module's COMMAND."""
    made = typer.Typer(rich_markup_mode=None, add_completion=False)
    made.command(cls=cls)(function)
    return made


def commands(about: str) -> typer.Typer:
    """A group of commands, such as `mailvane user`, as a module's COMMAND."""
    return typer.Typer(
        help=about, no_args_is_help=True, rich_markup_mode=None, add_completion=False
    )


def say_error(error: MailvaneError) -> None:
    """The error is on standard error, one problem a line."""
    from mailvane.cli.console import err, line

    console = err()
    for said in str(error).splitlines() or [type(error).__name__]:
        console.print(line(said))


def _global_first(args: Sequence[str]) -> list[str]:
    """The arguments with the global options before everything else; what follows `--` stays."""
    first: list[str] = []
    rest: list[str] = []
    left = list(args)
    while left:
        word = left.pop(0)
        if word == "--":
            return [*first, *rest, word, *left]
        if word in _EVERYWHERE:
            first += [word, *left[:1]]
            del left[:1]
        elif word.startswith(("--config=", "--state=")):
            first.append(word)
        else:
            rest.append(word)
    return [*first, *rest]
