"""One server's turns: it is swept at its place in the interval, and when somebody asks."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from mailvane.core.result import Report
from mailvane.core.server import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often servers are swept, and how many together."""

    refresh_every_seconds: float = 30.0
    first_within_seconds: float = 3.0
    """The first sweeps are spread over so long."""
    limit_seconds: float = 30.0
    """A sweep that takes longer is ended, and its report is unknown."""
    at_once: int = 200
    """So many sweeps run together; a server that is down costs its time limits, not CPU."""


class Watch:
    """Sweeps one server again and again, never twice at once."""

    def __init__(
        self,
        server: Server,
        place: float,
        sweep: Callable[[Server], Awaitable[Report]],
        slots: asyncio.Semaphore,
        pace: Pace,
    ) -> None:
        """`place` is that in the interval, from 0 to below 1; `sweep` raises nothing."""
        self.server = server
        self.place = place
        self.swept_at: datetime | None = None
        self._sweep = sweep
        self._slots = slots
        self._pace = pace
        self._due = math.inf
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._running: asyncio.Future[Report] | None = None
        """What the sweep that runs now will bring."""
        self._asked: asyncio.Future[Report] | None = None
        """What the next sweep will bring, when somebody waits for it."""
        self._left: Callable[[], Report] | None = None
        """Makes what everybody gets once there are no more turns."""

    def start(self) -> None:
        """The turns have begun; starting twice changes nothing."""
        if self._task is None:
            soon = min(self._pace.first_within_seconds, self._pace.refresh_every_seconds)
            self._due = asyncio.get_running_loop().time() + self.place * soon
            self._task = asyncio.create_task(self._turns(), name=f"watch {self.server.name}")

    def stop(self) -> asyncio.Task[None] | None:
        """There will be no more turns once the returned task has ended."""
        if self._task:
            self._task.cancel()
        return self._task

    def leave(self, last: Callable[[], Report]) -> None:
        """Whoever waits for a report of this watch, now or later, gets one that `last` makes."""
        self._left = last
        for waited in (self._running, self._asked):
            if waited and not waited.done():
                waited.set_result(last())

    async def next(self) -> Report:
        """The report of the next sweep to begin; it begins as soon as it may."""
        if self._left:
            return self._left()
        if self._asked is None:
            self._asked = asyncio.get_running_loop().create_future()
            self._wake.set()
        return await asyncio.shield(self._asked)

    async def running_or_next(self) -> Report:
        """The report of the sweep that runs now, or else of the next."""
        return await (asyncio.shield(self._running) if self._running else self.next())

    def late_seconds(self, now: float) -> float:
        """How long the server has been waiting for its turn."""
        return 0.0 if self._running else max(0.0, now - self._due)

    async def _turns(self) -> None:
        while True:
            await self._until_due()
            async with self._slots:
                await self._turn()

    async def _until_due(self) -> None:
        loop = asyncio.get_running_loop()
        if self._asked is None and loop.time() < self._due:
            self._wake.clear()
            # Woken is due: uvloop's timers ring up to a millisecond early, waiting on would spin.
            timer = loop.call_at(self._due, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                timer.cancel()

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        self._due = self._slot_after(loop.time())
        self._running, self._asked = self._asked or loop.create_future(), None
        report = await self._sweep(self.server)
        self.swept_at = report.observed_at
        self._running.set_result(report)
        self._running = None

    def _slot_after(self, now: float) -> float:
        """The first of our places in the intervals that is at least half an interval away.

        Places are fixed, so that nothing drifts and turns that were missed are not made up for.
        A sweep out of turn shortly before its place stands for it; the gap is 1.5 intervals at most.
        """
        every = self._pace.refresh_every_seconds
        return (math.ceil(now / every + 0.5 - self.place) + self.place) * every
