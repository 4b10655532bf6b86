"""One server's turns, in free time."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from mailvane.core.response import Reason, Unanswered
from mailvane.core.server import Server
from mailvane.engine.watch import Pace, Watch


def _watch(sweeper: Any, server: Server, place: float = 0.5, **pace: float) -> Watch:
    given = {"refresh_every_seconds": 30, "first_within_seconds": 2, **pace}
    return Watch(server, place, sweeper.sweep, asyncio.Semaphore(1), Pace(**given))  # type: ignore[arg-type]


@pytest.mark.parametrize("takes", [0.0, 1.0, 14.0, 29.0])
def test_turns_do_not_drift(
    virtually: Any, sweeper: Any, make_server: Callable[..., Server], takes: float
) -> None:
    """After the first, every sweep begins exactly at the server's place, however long they take."""
    sweeper.takes = takes

    async def story() -> None:
        watch = _watch(sweeper, make_server("a"))
        watch.start()
        await asyncio.sleep(301)
        watch.stop()

    virtually(story())
    assert sweeper.times("a") == pytest.approx([1, *range(45, 300, 30)])


@pytest.mark.parametrize(
    ("place", "second"), [(0.0, 30), (0.4, 42), (0.5, 45), (0.6, 18), (0.9, 27)]
)
def test_the_second_turn_is_neither_too_soon_nor_too_late(
    virtually: Any, sweeper: Any, make_server: Callable[..., Server], place: float, second: float
) -> None:
    """After an early first sweep the next comes half an interval later at least, 1.5 at most."""

    async def story() -> None:
        watch = _watch(sweeper, make_server("a"), place)
        watch.start()
        await asyncio.sleep(50)
        watch.stop()

    virtually(story())
    first, then = sweeper.times("a")[:2]
    assert then == pytest.approx(second)
    assert 15 <= then - first <= 45


def test_missed_turns_are_not_made_up_for(
    virtually: Any, sweeper: Any, make_server: Callable[..., Server]
) -> None:
    """A machine that slept for an hour sweeps once when it wakes, then at its place again."""

    async def story() -> None:
        watch = _watch(sweeper, make_server("a"))
        watch.start()
        await asyncio.sleep(50)
        asyncio.get_running_loop().stall(3600)  # type: ignore[attr-defined]
        await asyncio.sleep(60)
        watch.stop()

    virtually(story())
    assert sweeper.times("a") == pytest.approx([1, 45, 3650, 3675, 3705])


def test_a_sweep_longer_than_the_interval_is_alone(
    virtually: Any, sweeper: Any, make_server: Callable[..., Server]
) -> None:
    """While a sweep runs over its next turn, no second one begins; turns are left out."""
    sweeper.takes = 70

    async def story() -> None:
        watch = _watch(sweeper, make_server("a"))
        watch.start()
        await asyncio.sleep(300)
        watch.stop()

    virtually(story())
    assert sweeper.most_of_one == 1
    assert len(sweeper.times("a")) == 5


def test_who_asks_does_not_wait_for_the_turn(
    virtually: Any, sweeper: Any, make_server: Callable[..., Server]
) -> None:
    """An idle server is swept the moment somebody asks, and the sweep stands for a turn close by."""

    async def story() -> None:
        watch = _watch(sweeper, make_server("a"))
        watch.start()
        await asyncio.sleep(40)
        await watch.next()
        await asyncio.sleep(40)
        watch.stop()

    virtually(story())
    assert sweeper.times("a") == pytest.approx([1, 40, 75])


def test_the_answer_is_newer_than_the_question(
    virtually: Any, sweeper: Any, make_server: Callable[..., Server]
) -> None:
    """Who asks during a sweep gets the next one, which all who asked meanwhile share."""

    async def story() -> list[float]:
        watch = _watch(sweeper, make_server("a"))
        watch.start()
        await asyncio.sleep(1.5)
        reports = await asyncio.gather(watch.next(), watch.next(), watch.next())
        watch.stop()
        assert reports[0] is reports[1] is reports[2]
        return [(report.observed_at.second) for report in reports]

    assert virtually(story()) == [2, 2, 2]
    assert sweeper.times("a") == pytest.approx([1, 2])


def test_who_takes_any_joins_the_running_sweep(
    virtually: Any, sweeper: Any, make_server: Callable[..., Server]
) -> None:
    """`running_or_next` during a sweep begins no other."""

    async def story() -> None:
        watch = _watch(sweeper, make_server("a"))
        watch.start()
        await asyncio.sleep(1.5)
        await watch.running_or_next()
        watch.stop()

    virtually(story())
    assert sweeper.times("a") == pytest.approx([1])


def test_who_gives_up_takes_nothing_from_the_others(
    virtually: Any, sweeper: Any, make_server: Callable[..., Server]
) -> None:
    """When one of two callers is cancelled, the other still gets the report."""

    async def story() -> str:
        watch = _watch(sweeper, make_server("a"))
        watch.start()
        one, other = asyncio.create_task(watch.next()), asyncio.create_task(watch.next())
        await asyncio.sleep(0.5)
        one.cancel()
        report = await other
        watch.stop()
        return report.server

    assert virtually(story()) == "a"


def test_nobody_waits_for_a_watch_that_has_ended(
    virtually: Any, sweeper: Any, make_server: Callable[..., Server]
) -> None:
    """Who waits when it is left, and who asks later, gets the report that it was left with."""

    async def story() -> None:
        watch = _watch(sweeper, make_server("a"))
        watch.start()
        waiting = asyncio.create_task(watch.running_or_next())
        await asyncio.sleep(0.5)
        last = sweeper.unanswered(watch.server, Unanswered(Reason.NOT_FOUND, "gone"))
        watch.stop()
        watch.leave(lambda: last)
        assert await waiting is last
        assert await watch.next() is last
        assert await watch.running_or_next() is last

    virtually(story())


def test_waiting_for_a_slot_is_being_late(
    virtually: Any, sweeper: Any, make_server: Callable[..., Server]
) -> None:
    """A server whose turn has come while all slots are taken is late; one that is swept is not."""

    async def story() -> tuple[float, float, float]:
        watch = _watch(sweeper, make_server("a"))
        loop = asyncio.get_running_loop()
        async with watch._slots:
            watch.start()
            before = watch.late_seconds(loop.time())
            await asyncio.sleep(11)
            late = watch.late_seconds(loop.time())
        await asyncio.sleep(0.5)
        swept = watch.late_seconds(loop.time())
        watch.stop()
        return before, late, swept

    assert virtually(story()) == pytest.approx((0, 10, 0))
