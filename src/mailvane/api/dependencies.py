"""How well Mailvane's own dependencies answer: measured when somebody looks, without making him wait."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from mailvane.core.errors import StoreUnavailable
from mailvane.core.health import Dependency
from mailvane.core.status import Status

Ping = Callable[[], Awaitable[float]]
"""Seconds until an answer; raises StoreUnavailable, whose text says why."""

LIMIT_SECONDS = 2.0
AGAIN_AFTER_SECONDS = 5.0


class Dependencies:
    """The dependencies by name; one without a ping is not configured and takes no part."""

    def __init__(
        self, pings: Mapping[str, Ping | None], ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._pings = pings
        self._ticks = ticks
        self._seen = {name: _unseen(name, ping) for name, ping in pings.items()}
        self._measured_at: float | None = None
        self._measuring: asyncio.Task[None] | None = None

    def current(self) -> tuple[Dependency, ...]:
        """What was measured last; when that is some seconds ago, it is measured anew meanwhile."""
        if self._old():
            self._start()
        return tuple(self._seen.values())

    async def seen_once(self) -> None:
        """Each was measured, at some time."""
        if self._measured_at is None:
            await asyncio.shield(self._start())

    async def measured(self) -> tuple[Dependency, ...]:
        """What is true within the last seconds; waits for a measurement if there is none so young."""
        if self._old():
            await asyncio.shield(self._start())
        return tuple(self._seen.values())

    def _old(self) -> bool:
        return self._measured_at is None or self._ticks() - self._measured_at >= AGAIN_AFTER_SECONDS

    def _start(self) -> asyncio.Task[None]:
        if self._measuring is None or self._measuring.done():
            self._measuring = asyncio.create_task(self._measure())
        return self._measuring

    async def _measure(self) -> None:
        asked = {name: ping for name, ping in self._pings.items() if ping is not None}
        found = await asyncio.gather(*(_answer(name, ping) for name, ping in asked.items()))
        self._seen.update({one.name: one for one in found})
        self._measured_at = self._ticks()


async def _answer(name: str, ping: Ping) -> Dependency:
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            return Dependency(name, Status.HEALTHY, await ping())
    except TimeoutError:
        return Dependency(name, Status.UNHEALTHY, reason=f"no answer within {LIMIT_SECONDS:g} s")
    except StoreUnavailable as error:
        return Dependency(name, Status.UNHEALTHY, reason=str(error))


def _unseen(name: str, ping: Ping | None) -> Dependency:
    if ping is None:
        return Dependency(name, Status.UNKNOWN, applies=False, reason="not configured")
    return Dependency(name, Status.UNKNOWN, reason="not measured yet")
