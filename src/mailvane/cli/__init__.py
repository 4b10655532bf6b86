"""The command line: one file below is one command."""

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Annotated, ClassVar

import typer
from typer.main import get_command

from mailvane import __version__
from mailvane.cli.command import Called, Group


class Mailvane(Group):
    """All commands there are."""

    known: ClassVar = {
        "serve": ("serve", "Watch the servers and answer over HTTP, until told to end."),
        "check": ("check", "Ask the servers now and say how they are."),
        "add": ("add", "Add a server: trust its host key, try every check, configure it."),
        "access": ("access", "Print the rights that the checks need on the servers."),
        "doctor": ("doctor", "Look for everything that could be wrong with Mailvane itself."),
        "explain": ("explain", "Explain a check: what is wrong, why it matters, what to do."),
        "config": ("config", "Check, describe and show the configuration."),
        "user": ("users", "Add, list, change and remove the people who log in."),
        "token": ("tokens", "Create, list and revoke tokens with which programs call the API."),
    }


app = typer.Typer(
    name="mailvane",
    cls=Mailvane,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: it is there at once, and can be searched and copied
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mailvane {__version__}")
        raise typer.Exit


@app.callback()
def _mailvane(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            envvar="MAILVANE_CONFIG",
            show_envvar=True,
            help="The configuration; else ./mailvane.yaml, else /etc/mailvane/mailvane.yaml.",
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            envvar="MAILVANE_STATE",
            show_envvar=True,
            help="Where Mailvane keeps its database and the host keys that it trusts; "
            "else /var/lib/mailvane for root, ~/.local/state/mailvane for others.",
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version."
        ),
    ] = False,
) -> None:
    """Say whether mail is flowing, and if it is not, why and what to do.

    The options --config and --state may stand anywhere on the line.
    """
    del version
    context.obj = Called.of(context, config, state)


def main() -> None:
    """The command that was typed has run; the process ends with its exit status."""
    sys.excepthook = _last_words
    get_command(app)(prog_name="mailvane")


def _last_words(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """What nobody foresaw is a bug: said in a sentence, with the trace for who wants to report it.

    `check` ends with 3 then: the 1 of an uncaught error would tell a monitoring system `degraded`.
    """
    if os.environ.get("MAILVANE_DEBUG"):
        sys.__excepthook__(kind, error, trace)
    else:
        from mailvane.cli.console import clean

        sys.stderr.write(
            f"this is a bug in Mailvane: {kind.__name__}: {clean(str(error))}\n"
            "please report it with what MAILVANE_DEBUG=1 in front of the command shows\n"
        )
    sys.stdout.flush()
    sys.stderr.flush()
    command = next((word for word in sys.argv[1:] if word in Mailvane.known), "")
    os._exit(3 if command == "check" else 1)
