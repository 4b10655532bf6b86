"""The watched servers as the API and the command line see them."""

import asyncio
from collections.abc import Sequence

from mailvane.core.ports import Cache
from mailvane.core.response import Reason, Unanswered
from mailvane.core.result import Report
from mailvane.core.server import Server
from mailvane.engine.scheduler import Scheduler


class SweptFleet:
    """A Fleet whose servers are swept by a scheduler in this process."""

    def __init__(self, scheduler: Scheduler, cache: Cache) -> None:
        self._scheduler = scheduler
        self._cache = cache

    def servers(self) -> Sequence[Server]:
        """The servers that are watched now, in the order of the configuration."""
        return self._scheduler.servers

    def report(self, name: str) -> Report | None:
        """The last report of a server, however old; None before its first."""
        return self._cache.get(name)

    async def sweep(self, name: str) -> Report:
        """The report of a sweep that began after this call; an unknown name raises KeyError."""
        return await self._scheduler.sweep_now(name)

    async def collect(self) -> list[Report]:
        """A report of every server; waits only for those that have none, and a sweep's limit at most."""
        servers = self._scheduler.servers
        missing = [server for server in servers if self._cache.get(server.name) is None]
        awaited = await asyncio.gather(*map(self._awaited, missing))
        new = {report.server: report for report in awaited}
        return [new.get(server.name) or await self._awaited(server) for server in servers]

    def version(self) -> int:
        """Grows whenever any report changes or goes, or the servers change."""
        return self._cache.version()

    async def _awaited(self, server: Server) -> Report:
        try:
            async with asyncio.timeout(self._scheduler.pace.limit_seconds):
                return await self._scheduler.any_report(server.name)
        except TimeoutError:
            why = Unanswered(Reason.TIMEOUT, "its first sweep is not done yet", "ask again")
        except KeyError:
            why = Unanswered(Reason.NOT_FOUND, "the server is not watched any more")
        return self._scheduler.unanswered(server, why)
