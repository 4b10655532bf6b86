"""The command line: one file below is one command."""

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Annotated

import typer
from typer.main import get_command

from mailvane import __version__
from mailvane.cli import access, add, check, config, doctor, explain, serve, tokens, users
from mailvane.cli.command import Called, Command, Group

app = typer.Typer(
    name="mailvane",
    cls=Group,
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


app.command("serve", cls=Command)(serve.serve)
app.command("check", cls=check.CheckCommand)(check.check)
app.command("add", cls=Command)(add.add)
app.command("access", cls=Command)(access.access)
app.command("doctor", cls=Command)(doctor.doctor)
app.command("explain", cls=Command)(explain.explain)
app.add_typer(config.config, name="config")
app.add_typer(users.user, name="user")
app.add_typer(tokens.token, name="token")


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
        sys.stderr.write(
            f"this is a bug in Mailvane: {kind.__name__}: {error}\n"
            "please report it with what MAILVANE_DEBUG=1 in front of the command shows\n"
        )
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(3 if "check" in sys.argv[1:] else 1)
