"""Sweeping many servers at once, each within a time limit, with a progress display where it helps."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from mailvane.cli.console import err
from mailvane.cli.parts import Joined
from mailvane.core.ports import Clock
from mailvane.core.response import Reason
from mailvane.core.result import Report, Result
from mailvane.core.server import Server
from mailvane.core.status import Status

AT_ONCE = 50
"""Servers that are asked at the same time: more only wait for this machine's processor."""


async def swept(
    joined: Joined, servers: Sequence[Server], clock: Clock, timeout: float, *, show: bool
) -> dict[str, Report]:
    """The report of every server by name; one that took longer than `timeout` seconds is unknown."""
    places = asyncio.Semaphore(AT_ONCE)
    with _progress(len(servers), show=show) as advance:

        async def one(server: Server) -> Report:
            async with places:
                report = await _within(joined, server, clock, timeout)
            advance()
            return report

        reports = await asyncio.gather(*(one(server) for server in servers))
    return {report.server: report for report in reports}


async def _within(joined: Joined, server: Server, clock: Clock, timeout: float) -> Report:
    began = clock()
    try:
        async with asyncio.timeout(timeout):
            return await joined.sweep(server)
    except TimeoutError:
        return _too_late(server, began, timeout)


def _too_late(server: Server, began: datetime, timeout: float) -> Report:
    late = Result(
        check="sweep",
        item="",
        status=Status.UNKNOWN,
        summary=f"no report within {timeout:g} s",
        observed_at=began,
        fix=f"mailvane check {server.name} --timeout {2 * timeout:g}",
        reason=Reason.TIMEOUT,
    )
    return Report(
        server=server.name,
        status=Status.UNKNOWN,
        observed_at=began,
        duration_seconds=timeout,
        results=(late,),
    )


@contextmanager
def _progress(total: int, *, show: bool) -> Iterator[Callable[[], None]]:
    """A bar on standard error that is gone at the end; none where that is no terminal."""
    if not show or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.progress import Progress

    with Progress(console=err(), transient=True) as progress:
        task = progress.add_task("asking the servers", total=total)
        yield lambda: progress.advance(task)
