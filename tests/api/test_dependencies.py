"""Mailvane's own dependencies are measured when somebody looks, without making him wait."""

import asyncio

from mailvane.api.dependencies import AGAIN_AFTER_SECONDS, Dependencies
from mailvane.core.errors import StoreUnavailable
from mailvane.core.health import Dependency
from mailvane.core.status import Status


class Store:
    """A dependency that answers, is away, or is silent."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False
        self.answers = asyncio.Event()
        self.answers.set()

    async def ping(self) -> float:
        """Two milliseconds, or why not."""
        self.asked += 1
        await self.answers.wait()
        if self.away:
            raise StoreUnavailable("connection refused")
        return 0.002


class Ticks:
    """Seconds as the test has them."""

    now = 0.0

    def __call__(self) -> float:
        """Now."""
        return self.now


async def test_what_was_never_measured_is_unknown() -> None:
    """At first nothing is claimed; what is not configured takes no part."""
    dependencies = Dependencies({"database": Store().ping, "redis": None})
    assert dependencies.current() == (
        Dependency("database", Status.UNKNOWN, reason="not measured yet"),
        Dependency("redis", Status.UNKNOWN, applies=False, reason="not configured"),
    )
    await dependencies.measured()


async def test_a_dependency_that_answers_is_healthy_with_its_time() -> None:
    """The seconds are those of the ping."""
    dependencies = Dependencies({"database": Store().ping})
    assert await dependencies.measured() == (Dependency("database", Status.HEALTHY, 0.002),)


async def test_one_that_is_away_is_unhealthy_with_the_reason() -> None:
    """The other one is not disturbed."""
    down = Store()
    down.away = True
    dependencies = Dependencies({"database": down.ping, "redis": Store().ping})
    assert await dependencies.measured() == (
        Dependency("database", Status.UNHEALTHY, reason="connection refused"),
        Dependency("redis", Status.HEALTHY, 0.002),
    )


async def test_looking_often_asks_seldom() -> None:
    """Within five seconds the last measurement is shown, afterwards there is a new one."""
    store, ticks = Store(), Ticks()
    dependencies = Dependencies({"database": store.ping}, ticks)
    for _ in range(3):
        await dependencies.measured()
    assert store.asked == 1
    ticks.now += AGAIN_AFTER_SECONDS
    await dependencies.measured()
    assert store.asked == 2


async def test_looking_does_not_wait_for_one_that_is_silent() -> None:
    """The last known is shown while a new measurement runs, and only one runs at a time."""
    store, ticks = Store(), Ticks()
    dependencies = Dependencies({"database": store.ping}, ticks)
    before = await dependencies.measured()
    store.answers.clear()
    store.away = True
    ticks.now += AGAIN_AFTER_SECONDS
    for _ in range(3):
        assert dependencies.current() == before
        await asyncio.sleep(0)
    assert store.asked == 2
    store.answers.set()
    assert (await dependencies.measured())[0].status is Status.UNHEALTHY


async def test_somebody_who_leaves_does_not_stop_the_measurement() -> None:
    """A cancelled reader leaves it running for the others."""
    store = Store()
    store.answers.clear()
    dependencies = Dependencies({"database": store.ping}, Ticks())
    reader = asyncio.create_task(dependencies.measured())
    other = asyncio.create_task(dependencies.measured())
    await asyncio.sleep(0)
    reader.cancel()
    await asyncio.sleep(0)
    store.answers.set()
    assert (await other)[0].status is Status.HEALTHY
    assert store.asked == 1
