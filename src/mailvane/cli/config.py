"""`mailvane config`: the configuration checked, described and shown."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from mailvane.cli.command import Called, Command, commands
from mailvane.cli.console import err, line, out
from mailvane.core.words import plural

if TYPE_CHECKING:
    from mailvane.settings import Settings

COMMAND = commands("Check, describe and show the configuration.")


@COMMAND.command("check", cls=Command)
def check(context: typer.Context) -> None:
    """Say all that is wrong with the configuration at once, each with its line and key.

    Exits with 0 when it can be used, also with warnings, else with 1.
    """
    called: Called = context.obj
    settings = called.settings()
    for warning in settings.warnings:
        err().print(line(f"warning: {warning}"))
    console = out()
    for told in _summary(settings):
        console.print(line(told))


@COMMAND.command("schema", cls=Command)
def print_schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    from mailvane.settings import schema

    typer.echo(json.dumps(schema(), indent=2))


@COMMAND.command("show", cls=Command)
def show(context: typer.Context) -> None:
    """Print the configuration that is in force as JSON, defaults included; secrets are masked."""
    from mailvane.settings import masked

    called: Called = context.obj
    typer.echo(json.dumps(masked(called.settings()), indent=2))


def _summary(settings: "Settings") -> Iterable[str]:
    if settings.source is None:
        yield "there is no configuration: the defaults hold, and this machine is watched"
    else:
        yield f"{settings.source} can be used"
    roles = Counter(server.role for server in settings.servers)
    said = ", ".join(f"{count} {role}" for role, count in roles.items())
    yield f"{plural(len(settings.servers), 'server')}{f': {said}' if said else ''}"
    if settings.regions:
        yield f"{plural(len(settings.regions), 'region')}: {', '.join(r.id for r in settings.regions)}"
    if settings.checks:
        names = ", ".join(check.name for check in settings.checks)
        yield f"{plural(len(settings.checks), 'check')} of your own: {names}"
    yield f"state in {settings.state}"
