"""`mailvane doctor`: everything that could be wrong with Mailvane itself, and what to do about it."""

import asyncio
from collections.abc import Sequence

import typer

from mailvane.cli import doctor_here as here
from mailvane.cli.command import Called, single
from mailvane.cli.console import line, out
from mailvane.cli.doctor_there import server_findings
from mailvane.cli.finding import Finding, error, told
from mailvane.cli.names import ServerNames, chosen
from mailvane.cli.parts import Joined
from mailvane.core.errors import SettingsError
from mailvane.core.server import Server
from mailvane.core.status import Status
from mailvane.core.words import plural

AT_ONCE = 20
SERVER_SECONDS = 90.0
"""Longest look at one server: a login, and every check once."""


def doctor(context: typer.Context, names: ServerNames = None) -> None:
    """Look for everything that could be wrong with Mailvane itself.

    It looks here, on the way to the servers, and there.
    Whether mail flows is what `mailvane check` says; this says whether Mailvane can see it.
    Nothing is changed.

    Exits with 0 when all is fine, 1 with warnings, 2 with errors.
    """
    called: Called = context.obj
    findings = asyncio.run(_look(called, names))
    errors = sum(finding.status is Status.UNHEALTHY for finding in findings)
    warnings = sum(finding.status is Status.DEGRADED for finding in findings)
    fine = len(findings) - errors - warnings
    said = f"{plural(errors, 'error')}, {plural(warnings, 'warning')}, {fine} fine"
    out().print(line(said))
    raise typer.Exit(2 if errors else 1 if warnings else 0)


async def _look(called: Called, names: Sequence[str] | None) -> list[Finding]:
    try:
        settings = called.settings()
    except SettingsError as problems:
        return _section("this machine", [here.software(), *here.wrong(problems)])
    servers = chosen(settings.servers, names)
    found = [here.software(), *here.configuration(settings), here.state(settings.state)]
    found += here.keys(servers)
    async with called.app.joined(settings) as joined:
        found += [
            await here.database(joined, settings),
            *[one async for one in here.redis(settings)],
        ]
        shown = _section("this machine", found)
        for server, findings in zip(servers, await _all(called, joined, servers), strict=True):
            shown += _section(server.name, findings)
    return shown


async def _all(called: Called, joined: Joined, servers: Sequence[Server]) -> list[list[Finding]]:
    places = asyncio.Semaphore(AT_ONCE)

    async def one(server: Server) -> list[Finding]:
        async with places:
            try:
                async with asyncio.timeout(SERVER_SECONDS):
                    return await server_findings(joined, server, called.app.checks_for(server))
            except TimeoutError:
                return [error("answers", f"not all of them came within {SERVER_SECONDS:g} s")]

    return await asyncio.gather(*(one(server) for server in servers))


def _section(title: str, findings: Sequence[Finding]) -> list[Finding]:
    console = out()
    console.print(line(title))
    for row in told(findings):
        console.print(row)
    return list(findings)


COMMAND = single(doctor)
