"""`mailvane check`: sweeps servers once and tells the truth about them."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mailvane.cli.asking import swept
from mailvane.cli.command import Called, Command, single
from mailvane.cli.console import out
from mailvane.cli.names import ServerNames, chosen
from mailvane.cli.plugin_line import plugin_line
from mailvane.cli.report_json import as_document
from mailvane.cli.report_text import told
from mailvane.core.result import Report
from mailvane.core.server import Server
from mailvane.core.status import Status, worst

if TYPE_CHECKING:
    from mailvane.settings import Settings

MANY = 3
"""More servers than this: a progress display, and only those that are not healthy in full."""
EXIT = {Status.HEALTHY: 0, Status.DEGRADED: 1, Status.UNHEALTHY: 2, Status.UNKNOWN: 3}
"""What monitoring plug-ins exit with: OK, WARNING, CRITICAL, UNKNOWN."""


class CheckCommand(Command):
    """Fails with 3: 1 and 2 would say something about the servers to a monitoring system."""

    failed = EXIT[Status.UNKNOWN]
    misused = EXIT[Status.UNKNOWN]


def check(
    context: typer.Context,
    names: ServerNames = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the health document with all reports as JSON.")
    ] = False,
    plugin: Annotated[
        bool,
        typer.Option("--plugin", help="Print one line for Nagios and its heirs, with metrics."),
    ] = False,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Show healthy servers in full too, however many there are."),
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(min=1, max=600, metavar="SECONDS", help="Longest wait for one server."),
    ] = 30.0,
) -> None:
    """Ask the servers now and say how they are.

    Sweeps the servers of the configuration, or those that are named, once.
    A server that does not answer in time is unknown.
    With more than three servers only those that are not healthy are shown in full.

    Exits with 0 when all are healthy, 1 when the worst is degraded, 2 when it is unhealthy,
    3 when it is unknown or nothing could be asked.
    """
    if as_json and plugin:
        raise typer.BadParameter("--json and --plugin exclude each other")
    called: Called = context.obj
    settings = called.settings()
    servers = chosen(settings.servers, names)
    many = len(servers) > MANY
    reports = asyncio.run(_reports(called, settings, servers, timeout, show=many))
    if as_json:
        typer.echo(_json(called, settings, servers, reports))
    elif plugin:
        typer.echo(plugin_line(servers, reports))
    else:
        console = out()
        for line in told(servers, reports, brief=many and not everything):
            console.print(line)
    raise typer.Exit(EXIT[worst(report.status for report in reports.values())])


async def _reports(
    called: Called, settings: "Settings", servers: Sequence[Server], timeout: float, *, show: bool
) -> dict[str, Report]:
    async with called.app.joined(settings) as joined:
        return await swept(joined, servers, called.clock, timeout, show=show)


def _json(
    called: Called,
    settings: "Settings",
    servers: Sequence[Server],
    reports: Mapping[str, Report],
) -> str:
    titles = {check.name: check.title for s in servers for check in called.app.checks_for(s)}
    document = as_document(servers, reports, settings.regions, titles, called.clock())
    return json.dumps(document, indent=2, allow_nan=False)


COMMAND = single(check, CheckCommand)
