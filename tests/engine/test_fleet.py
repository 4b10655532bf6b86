"""What the API and the command line get from the fleet, in free time."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from mailvane.cache.memory import MemoryCache
from mailvane.core.response import Reason
from mailvane.core.result import Report
from mailvane.core.server import Server
from mailvane.core.status import Status
from mailvane.engine.fleet import SweptFleet
from mailvane.engine.scheduler import Scheduler
from mailvane.engine.watch import Pace

Make = Callable[..., Server]


class Refusing(MemoryCache):
    """A cache whose report was deleted while a sweep ran: it does not take what that sweep brings."""

    def __init__(self, refuses: int) -> None:
        super().__init__()
        self._refuses = refuses

    def put(self, report: Report) -> None:
        """The report is taken once enough have been refused."""
        self._refuses -= 1
        if self._refuses < 0:
            super().put(report)


def _fleet(
    sweeper: Any, transport: Any, cache: MemoryCache | None = None, **pace: Any
) -> tuple[SweptFleet, Scheduler]:
    kept = cache or MemoryCache()
    scheduler = Scheduler(sweeper, transport, kept, Pace(**pace))
    return SweptFleet(scheduler, kept), scheduler


def test_the_first_read_waits_for_the_first_sweep_only(
    virtually: Any, sweeper: Any, transport: Any, make_server: Make
) -> None:
    """`collect` right after the start gives every server's first report, in order, each swept once."""

    async def story() -> tuple[list[Report], float]:
        fleet, scheduler = _fleet(sweeper, transport)
        await scheduler.replace([make_server("b"), make_server("a"), make_server("c")])
        reports = await fleet.collect()
        at = asyncio.get_running_loop().time()
        await scheduler.close()
        return reports, at

    reports, at = virtually(story())
    assert [report.server for report in reports] == ["b", "a", "c"]
    assert {report.status for report in reports} == {Status.HEALTHY}
    assert at == 1.0
    assert len(sweeper.began) == 3


def test_later_reads_wait_for_nothing(
    virtually: Any, sweeper: Any, transport: Any, make_server: Make
) -> None:
    """Once there is a report, `collect` gives it at once, also while a sweep is running."""

    async def story() -> float:
        fleet, scheduler = _fleet(sweeper, transport)
        await scheduler.replace([make_server("a")])
        first = await fleet.collect()
        sweeper.takes = 20
        await asyncio.sleep(24)
        assert sweeper.running["a"] == 1
        before = asyncio.get_running_loop().time()
        assert await fleet.collect() == first
        assert fleet.report("a") == first[0]
        waited = asyncio.get_running_loop().time() - before
        await scheduler.close()
        return waited

    assert virtually(story()) == 0.0


def test_a_deleted_report_is_collected_anew(
    virtually: Any, sweeper: Any, transport: Any, make_server: Make
) -> None:
    """After a deletion the next read sweeps that server and no other."""
    cache = MemoryCache()

    async def story() -> list[Report]:
        fleet, scheduler = _fleet(sweeper, transport, cache)
        await scheduler.replace([make_server("a"), make_server("b")])
        await fleet.collect()
        version = fleet.version()
        cache.drop("a")
        assert fleet.version() > version
        reports = await fleet.collect()
        await scheduler.close()
        return reports

    assert [report.server for report in virtually(story())] == ["a", "b"]
    assert [name for _, name in sweeper.began] == ["a", "b", "a"]


def test_a_report_that_the_cache_refused_is_not_anew(
    virtually: Any, sweeper: Any, transport: Any, make_server: Make
) -> None:
    """When the running sweep began before the deletion, the read waits for the one after it."""
    cache = Refusing(1)

    async def story() -> Report:
        fleet, scheduler = _fleet(sweeper, transport, cache)
        await scheduler.replace([make_server("a")])
        [report] = await fleet.collect()
        await scheduler.close()
        return report

    assert virtually(story()).observed_at.second == 1
    assert sweeper.times("a") == [0, 1]


def test_a_read_ends_within_the_limit(
    virtually: Any, sweeper: Any, transport: Any, make_server: Make
) -> None:
    """A server whose first sweep has not had its turn within the limit is unknown, and says so."""
    sweeper.takes = 20

    async def story() -> tuple[list[Report], float]:
        fleet, scheduler = _fleet(sweeper, transport, at_once=1, limit_seconds=30)
        await scheduler.replace([make_server("a"), make_server("b")])
        reports = await fleet.collect()
        at = asyncio.get_running_loop().time()
        await scheduler.close()
        return reports, at

    reports, at = virtually(story())
    assert at == 30.0
    assert {report.server: report.status for report in reports} == {
        "a": Status.HEALTHY,
        "b": Status.UNKNOWN,
    }
    assert [result.reason for result in reports[1].results] == [Reason.TIMEOUT]


def test_a_sweep_on_demand_is_newer_than_the_demand(
    virtually: Any, sweeper: Any, transport: Any, make_server: Make
) -> None:
    """`sweep` gives a report that was observed after the call, and it is the present one then."""

    async def story() -> None:
        fleet, scheduler = _fleet(sweeper, transport)
        await scheduler.replace([make_server("a")])
        await fleet.collect()
        await asyncio.sleep(5)
        report = await fleet.sweep("a")
        assert report.observed_at.second == 6
        assert fleet.report("a") == report
        await scheduler.close()

    virtually(story())


def test_servers_that_come_and_go_are_a_new_version(
    virtually: Any, sweeper: Any, transport: Any, make_server: Make
) -> None:
    """`servers` follows the configuration, and what was prepared from the former ones is outdated."""

    async def story() -> None:
        fleet, scheduler = _fleet(sweeper, transport)
        await scheduler.replace([make_server("a")])
        version = fleet.version()
        await scheduler.replace([make_server("b"), make_server("a")])
        assert [server.name for server in fleet.servers()] == ["b", "a"]
        assert fleet.version() > version
        await scheduler.close()

    virtually(story())


def test_a_server_nobody_watches_is_an_error(virtually: Any, sweeper: Any, transport: Any) -> None:
    """Sweeping an unknown name raises, its report is None."""
    fleet, _ = _fleet(sweeper, transport)
    assert fleet.report("nobody") is None
    with pytest.raises(KeyError):
        virtually(fleet.sweep("nobody"))
