"""All servers' turns together, in free time."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from mailvane.cache.memory import MemoryCache
from mailvane.core.response import Reason
from mailvane.core.result import Report
from mailvane.core.server import Server
from mailvane.core.status import Status
from mailvane.engine.scheduler import Scheduler
from mailvane.engine.watch import Pace

Make = Callable[..., Server]


@pytest.fixture
def cache() -> MemoryCache:
    """An empty cache."""
    return MemoryCache()


@pytest.fixture
def scheduled(sweeper: Any, transport: Any, cache: MemoryCache) -> Callable[..., Scheduler]:
    """Makes a scheduler with a pace; within a running loop."""

    def make(**pace: Any) -> Scheduler:
        return Scheduler(sweeper, transport, cache, Pace(**pace))

    return make


def _many(make_server: Make, count: int) -> list[Server]:
    return [make_server(f"s{number}") for number in range(count)]


def test_the_load_is_even(virtually: Any, scheduled: Any, sweeper: Any, make_server: Make) -> None:
    """Of 1,000 servers 33 or 34 begin in each second, give or take one; each twice a minute."""

    async def story() -> None:
        scheduler = scheduled()
        await scheduler.replace(_many(make_server, 1000))
        await asyncio.sleep(120)
        await scheduler.close()

    virtually(story())
    in_each_second = Counter(int(at) for at, _ in sweeper.began if at >= 60)
    assert set(in_each_second) == set(range(60, 120))
    assert {32, 33, 34, 35} >= set(in_each_second.values())
    assert set(Counter(name for at, name in sweeper.began if at >= 60).values()) == {2}


def test_the_first_answers_come_quickly(
    virtually: Any, scheduled: Any, sweeper: Any, make_server: Make
) -> None:
    """Every server is swept within the first seconds, and not all in the same moment."""

    async def story() -> None:
        scheduler = scheduled(first_within_seconds=3)
        await scheduler.replace(_many(make_server, 100))
        await asyncio.sleep(3)
        await scheduler.close()

    virtually(story())
    assert {name for _, name in sweeper.began} == {f"s{number}" for number in range(100)}
    assert 30 <= sum(at < 1 for at, _ in sweeper.began) <= 36


def test_so_many_at_once_and_no_more(
    virtually: Any, scheduled: Any, sweeper: Any, cache: MemoryCache, make_server: Make
) -> None:
    """With three slots, three sweeps run together at most, and every server has its turn."""
    sweeper.takes = 4

    async def story() -> float:
        scheduler = scheduled(at_once=3)
        await scheduler.replace(_many(make_server, 20))
        await asyncio.sleep(10)
        lag = scheduler.lag_seconds
        await asyncio.sleep(20)
        await scheduler.close()
        return float(lag)

    assert virtually(story()) > 5
    assert sweeper.most == 3
    assert all(cache.get(f"s{number}") for number in range(20))


def test_no_server_is_swept_twice_at_once(
    virtually: Any, scheduled: Any, sweeper: Any, make_server: Make
) -> None:
    """Whatever is asked for during long sweeps, each server has one at a time."""
    sweeper.takes = 40

    async def story() -> None:
        scheduler = scheduled(limit_seconds=50)
        await scheduler.replace(_many(make_server, 5))
        for _ in range(20):
            asking = [asyncio.create_task(scheduler.sweep_now(f"s{n}")) for n in range(5)]
            await asyncio.sleep(7)
        await asyncio.gather(*asking)
        await scheduler.close()

    virtually(story())
    assert sweeper.most_of_one == 1
    assert sweeper.most == 5


def test_a_sweep_over_the_limit_is_ended(
    virtually: Any, scheduled: Any, sweeper: Any, cache: MemoryCache, make_server: Make
) -> None:
    """It becomes unknown with the reason, leaves others alone, and the next comes at its turn."""
    sweeper.takes_for["slow"] = 1000

    async def story() -> list[Report | None]:
        scheduler = scheduled(limit_seconds=10)
        await scheduler.replace([make_server("slow"), make_server("quick")])
        await asyncio.sleep(15)
        seen = [cache.get("slow"), cache.get("quick")]
        sweeper.takes_for.clear()
        await asyncio.sleep(45)
        await scheduler.close()
        return seen

    slow, quick = virtually(story())
    assert slow.status is Status.UNKNOWN
    assert [result.reason for result in slow.results] == [Reason.TIMEOUT]
    assert quick.status is Status.HEALTHY
    assert sweeper.running["slow"] == 0
    assert cache.get("slow").status is Status.HEALTHY  # type: ignore[union-attr]


def test_a_crash_does_not_end_the_turns(
    virtually: Any, scheduled: Any, sweeper: Any, cache: MemoryCache, make_server: Make
) -> None:
    """A sweep that fails with our own bug is unknown for that reason; the next is as good as any."""
    sweeper.crashes.add("a")

    async def story() -> Report | None:
        scheduler = scheduled()
        await scheduler.replace([make_server("a"), make_server("b")])
        await asyncio.sleep(5)
        crashed = cache.get("a")
        sweeper.crashes.clear()
        await asyncio.sleep(60)
        await scheduler.close()
        return crashed

    crashed = virtually(story())
    assert crashed.status is Status.UNKNOWN
    assert [result.reason for result in crashed.results] == [Reason.BUG]
    assert cache.get("a").status is Status.HEALTHY  # type: ignore[union-attr]
    assert cache.get("b").status is Status.HEALTHY  # type: ignore[union-attr]


def test_a_time_out_of_others_is_not_our_limit(
    virtually: Any, sweeper: Any, transport: Any, cache: MemoryCache, make_server: Make
) -> None:
    """A TimeoutError that a transport should not have let through is a bug, not a long sweep."""

    class Leaky:
        unanswered, forget, ask_anew = sweeper.unanswered, sweeper.forget, sweeper.ask_anew

        async def sweep(self, _: Server) -> Report:
            raise TimeoutError

    async def story() -> Report:
        scheduler = Scheduler(Leaky(), transport, cache)
        await scheduler.replace([make_server("a")])
        report = await scheduler.sweep_now("a")
        await scheduler.close()
        return report

    assert [result.reason for result in virtually(story()).results] == [Reason.BUG]


def test_asking_for_an_unknown_server_is_an_error(virtually: Any, scheduled: Any) -> None:
    """There is no report on a server that nobody watches."""
    with pytest.raises(KeyError):
        virtually(scheduled().sweep_now("nobody"))


def test_a_server_that_stays_the_same_notices_nothing(
    virtually: Any, scheduled: Any, sweeper: Any, transport: Any, make_server: Make
) -> None:
    """A new configuration with the same server leaves its place, running sweep and memory alone."""

    async def story() -> None:
        scheduler = scheduled(first_within_seconds=0)
        await scheduler.replace([make_server("a")])
        await asyncio.sleep(0.5)
        await scheduler.replace([make_server("b"), make_server("a")])
        assert [server.name for server in scheduler.servers] == ["b", "a"]
        await asyncio.sleep(100)
        await scheduler.close()

    virtually(story())
    assert (sweeper.forgotten, transport.forgotten) == ([], [])
    first, second, third, *_ = sweeper.times("a")
    assert first == 0
    assert third - second == pytest.approx(30)
    assert second % 30 == pytest.approx((5**0.5 - 1) / 2 * 30)


def test_a_server_that_changed_begins_anew(
    virtually: Any,
    scheduled: Any,
    sweeper: Any,
    transport: Any,
    cache: MemoryCache,
    make_server: Make,
) -> None:
    """Memory and connection are forgotten, it is swept at once; the same machine's report stays till then."""

    async def story() -> None:
        scheduler = scheduled()
        await scheduler.replace([make_server("a"), make_server("b")])
        await asyncio.sleep(5)
        before = cache.get("a")
        await scheduler.replace([make_server("a", submission_port=None), make_server("b")])
        assert cache.get("a") is before
        await asyncio.sleep(4)
        assert cache.get("a") is not before
        await scheduler.close()

    virtually(story())
    assert (sweeper.forgotten, transport.forgotten) == (["a"], ["a"])
    assert len(sweeper.times("b")) == 1


def test_a_server_that_changed_keeps_its_place(
    virtually: Any, scheduled: Any, sweeper: Any, make_server: Make
) -> None:
    """However often the configuration changes, the load stays as even as it was."""

    async def story() -> None:
        scheduler = scheduled()
        await scheduler.replace([make_server("a")])
        await asyncio.sleep(100)
        await scheduler.replace([make_server("a", submission_port=None)])
        await asyncio.sleep(100)
        await scheduler.close()

    virtually(story())
    place = (5**0.5 - 1) / 2 * 30
    at_place = [at for at in sweeper.times("a") if at % 30 == pytest.approx(place)]
    assert len(at_place) == len(sweeper.times("a")) - 2


def test_the_former_sweep_ends_before_the_new_one_begins(
    virtually: Any, scheduled: Any, sweeper: Any, make_server: Make
) -> None:
    """A changed server whose sweep ends slowly is not swept twice at once; new servers do not wait for it."""
    sweeper.takes, sweeper.ends_within = 20, 7

    async def story() -> None:
        scheduler = scheduled(first_within_seconds=0)
        await scheduler.replace([make_server("a")])
        await asyncio.sleep(1)
        await scheduler.replace([make_server("a", submission_port=None), make_server("b")])
        await asyncio.sleep(1)
        await scheduler.close()

    virtually(story())
    assert sweeper.began == [(0, "a"), (1, "b"), (8, "a")]
    assert sweeper.most_of_one == 1


def test_another_machine_of_that_name_has_no_report(
    virtually: Any, scheduled: Any, cache: MemoryCache, make_server: Make
) -> None:
    """A server that is reached elsewhere now does not inherit the report of the former machine."""

    async def story() -> None:
        scheduler = scheduled()
        await scheduler.replace([make_server("a"), make_server("b")])
        await asyncio.sleep(5)
        await scheduler.replace([make_server("a", address="192.0.2.7"), make_server("b")])
        assert cache.get("a") is None
        assert cache.get("b") is not None
        await scheduler.close()

    virtually(story())


def test_a_removed_server_is_gone(
    virtually: Any,
    scheduled: Any,
    sweeper: Any,
    transport: Any,
    cache: MemoryCache,
    make_server: Make,
) -> None:
    """Its running sweep is ended, whoever waits hears why, and nothing of it is left."""

    async def story() -> tuple[Report, float]:
        scheduler = scheduled(first_within_seconds=0)
        await scheduler.replace([make_server("a"), make_server("b")])
        await asyncio.sleep(0.5)
        waiting = asyncio.create_task(scheduler.any_report("a"))
        await asyncio.sleep(0)
        await scheduler.replace([make_server("b")])
        report = await waiting
        at = asyncio.get_running_loop().time()
        await asyncio.sleep(100)
        await scheduler.close()
        return report, at

    report, at = virtually(story())
    assert at == 0.5
    assert [result.reason for result in report.results] == [Reason.NOT_FOUND]
    assert sweeper.times("a") == [0]
    assert cache.get("a") is None
    assert (sweeper.forgotten, transport.forgotten) == (["a"], ["a"])


def test_a_transport_that_fails_to_forget_stops_nothing(
    virtually: Any, scheduled: Any, transport: Any, cache: MemoryCache, make_server: Make
) -> None:
    """The new servers are swept all the same."""
    transport.fails = True

    async def story() -> None:
        scheduler = scheduled()
        await scheduler.replace([make_server("a")])
        await scheduler.replace([make_server("b")])
        await asyncio.sleep(5)
        await scheduler.close()

    virtually(story())
    assert cache.get("b") is not None


def test_a_sweep_that_cannot_be_ended_delays_the_change_by_the_limit(
    virtually: Any, sweeper: Any, transport: Any, cache: MemoryCache, make_server: Make
) -> None:
    """A sweep that ignores its cancellation is waited for no longer than a sweep may take."""

    class Deaf:
        unanswered, forget, ask_anew = sweeper.unanswered, sweeper.forget, sweeper.ask_anew

        async def sweep(self, server: Server) -> Report:
            for _ in range(3):
                try:
                    await asyncio.sleep(1000)
                except asyncio.CancelledError:
                    continue
            return await sweeper.sweep(server)  # type: ignore[no-any-return]

    async def story() -> float:
        scheduler = Scheduler(
            Deaf(), transport, cache, Pace(limit_seconds=20, first_within_seconds=0)
        )
        await scheduler.replace([make_server("a")])
        await asyncio.sleep(1)
        await scheduler.close()
        return asyncio.get_running_loop().time()

    assert virtually(story()) == pytest.approx(21)


def test_nothing_runs_after_closing(
    virtually: Any, scheduled: Any, sweeper: Any, make_server: Make
) -> None:
    """`close` ends running sweeps; nobody waits for ever; closing twice is no error."""

    async def story() -> Report:
        scheduler = scheduled()
        await scheduler.replace(_many(make_server, 10))
        await asyncio.sleep(1)
        waiting = asyncio.create_task(scheduler.sweep_now("s1"))
        await asyncio.sleep(0)
        await scheduler.close()
        report = await waiting
        await scheduler.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return report

    assert virtually(story()).status is Status.UNKNOWN
    assert sum(sweeper.running.values()) == 0


def test_the_last_full_sweep_is_as_old_as_its_oldest_part(
    virtually: Any, scheduled: Any, sweeper: Any, make_server: Make
) -> None:
    """It is unknown until every server was swept, then the time of the one swept longest ago."""
    sweeper.takes_for["s1"] = 20

    async def story() -> list[datetime | None]:
        scheduler = scheduled(first_within_seconds=0)
        seen = [scheduler.last_full_sweep_at]
        await scheduler.replace(_many(make_server, 3))
        await asyncio.sleep(10)
        seen.append(scheduler.last_full_sweep_at)
        await asyncio.sleep(15)
        seen.append(scheduler.last_full_sweep_at)
        await scheduler.close()
        return seen

    nobody, one_missing, all_done = virtually(story())
    assert (nobody, one_missing) == (None, None)
    assert all_done is not None
    assert (all_done.minute, all_done.second) == (30, 0)


def test_without_servers_nothing_lags(virtually: Any, scheduled: Any) -> None:
    """A scheduler without servers is not late, and closes."""

    async def story() -> float:
        scheduler = scheduled()
        await scheduler.replace([])
        lag = scheduler.lag_seconds
        await scheduler.close()
        return float(lag)

    assert virtually(story()) == 0.0


def test_whoever_asks_for_a_sweep_gets_no_kept_answers(
    virtually: Any, scheduled: Any, sweeper: Any, make_server: Make
) -> None:
    """A sweep on demand asks everything anew; those of the interval need not."""

    async def story() -> None:
        scheduler = scheduled()
        await scheduler.replace(_many(make_server, 2))
        await asyncio.sleep(40)
        assert sweeper.asked_anew == []
        await scheduler.sweep_now("s1")
        await scheduler.close()

    virtually(story())
    assert sweeper.asked_anew == ["s1"]
