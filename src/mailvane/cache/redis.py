"""The present in this process's memory, with one Redis as a mirror and a fan-out."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress

import structlog

from mailvane.cache.link import TROUBLE, Endpoint, connected, reason
from mailvane.cache.mirror import Mirror, Pace
from mailvane.cache.present import Present
from mailvane.core.health import Dependency
from mailvane.core.ports import Clock
from mailvane.core.result import Report
from mailvane.core.secret import Secret
from mailvane.core.server import Server
from mailvane.core.status import Status

log = structlog.get_logger()

NAME = "redis"


class RedisCache:
    """A Cache that answers from memory, survives a restart in Redis and hears what others do there.

    A Redis that is away, hangs or comes back empty delays nothing and takes nothing away.
    """

    def __init__(
        self, url: Secret, clock: Clock, fresh_for_seconds: float = 60.0, pace: Pace | None = None
    ) -> None:
        """A URL that is none of Redis raises ValueError, without quoting it."""
        self._endpoint = Endpoint(url)
        self._clock = clock
        self._fresh_for_seconds = fresh_for_seconds
        self._pace = pace or Pace()
        self._present = Present()
        self._tries = 0
        self._known = asyncio.Event()
        self._dependency = Dependency(NAME, Status.UNKNOWN, reason="not asked yet")
        self._task: asyncio.Task[None] | None = None

    def get(self, server: str) -> Report | None:
        """The last report, None when there is none or its key was deleted."""
        return self._present.reports.get(server)

    def put(self, report: Report) -> None:
        """The report is the present one; Redis gets it in the background.

        One whose sweep began before the server's key was deleted is not taken: it is not anew.
        """
        self._present.put(report)

    def keep_only(self, servers: Sequence[Server]) -> None:
        """Reports and keys of other servers are gone; the first mail server is the first with that role."""
        self._present.keep_only(servers)

    def version(self) -> int:
        """Grows whenever any report changes or goes, or the servers change."""
        return self._present.reports.version()

    def status(self) -> Dependency:
        """How Redis answers: the `redis` component of the health document."""
        if self._task and self._task.done():
            return Dependency(
                NAME, Status.UNHEALTHY, reason="ended by a bug in Mailvane; see its log"
            )
        return self._dependency

    async def open(self) -> None:
        """Reports of the kept servers that Redis holds are there; without an answer, it is tried on and on.

        Call `keep_only` before.
        """
        self._task = asyncio.create_task(self._hold(), name="redis cache")
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * self._pace.limit):
                await self._known.wait()

    async def close(self) -> None:
        """Redis has the last reports if it answers; nothing runs any more."""
        if self._task is None:
            return
        if self.status().status is Status.HEALTHY:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pace.limit):
                    await self._present.idle.wait()
        self._task.cancel()
        await asyncio.wait([self._task])
        self._task = None

    async def _hold(self) -> None:
        """One link after the other, with a growing pause after those that came to nothing."""
        while True:
            try:
                async with connected(self._endpoint, self._pace.limit) as link:
                    mirror = Mirror(
                        link, self._present, self._clock, self._fresh_for_seconds, self._pace
                    )
                    await mirror.run(self._up)
            except* TROUBLE as trouble:
                self._down(reason(trouble))
            await asyncio.sleep(self._pause())

    def _pause(self) -> float:
        longest: float = min(self._pace.retry_first * 2**self._tries, self._pace.retry_most)
        self._tries = min(self._tries + 1, 16)
        return longest * random.uniform(0.5, 1)  # noqa: S311  spreads load, hides nothing

    def _up(self, response_seconds: float, deaf: str | None) -> None:
        if self._dependency.status is not Status.HEALTHY:
            log.info(
                "redis answers", changes_are="heard" if deaf is None else f"looked for: {deaf}"
            )
        self._tries = 0
        self._dependency = Dependency(NAME, Status.HEALTHY, response_seconds)
        self._known.set()

    def _down(self, why: str) -> None:
        if self._dependency.reason != why:
            log.warning("redis does not answer, served from memory", why=why)
        self._dependency = Dependency(NAME, Status.UNHEALTHY, reason=why)
        self._known.set()
