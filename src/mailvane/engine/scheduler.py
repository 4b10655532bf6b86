"""When which server is swept: each at its own place in the interval, never twice at once."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol

import structlog

from mailvane.core.ports import Cache, Transport
from mailvane.core.response import Reason, Unanswered
from mailvane.core.result import Report
from mailvane.core.server import Server
from mailvane.engine.sweep import bug
from mailvane.engine.watch import Pace, Watch

log = structlog.get_logger()

GOLDEN = (5**0.5 - 1) / 2
"""Its multiples modulo one lie evenly however many there are, so that none moves when servers come
(the additive recurrence among the low-discrepancy sequences)."""


class Sweeps(Protocol):
    """What a scheduler needs of a Sweeper."""

    async def sweep(self, server: Server) -> Report:
        """A report on the server as it is now."""
        ...

    def unanswered(self, server: Server, why: Unanswered) -> Report:
        """The report of a sweep that came to nothing; raises nothing."""
        ...

    def forget(self, name: str) -> None:
        """Nothing is remembered of that server any more."""
        ...

    def ask_anew(self, name: str) -> None:
        """The next sweep of that server uses no answer that was kept."""
        ...


class Scheduler:
    """Sweeps every server once an interval, and at once when somebody asks."""

    def __init__(
        self, sweeper: Sweeps, transport: Transport, cache: Cache, pace: Pace | None = None
    ) -> None:
        self._sweeper = sweeper
        self._transport = transport
        self._cache = cache
        self.pace = pace or Pace()
        self._slots = asyncio.Semaphore(self.pace.at_once)
        self._watches: dict[str, Watch] = {}
        self._places = 0
        self._changing = asyncio.Lock()

    @property
    def servers(self) -> tuple[Server, ...]:
        """The servers that are swept now, in the order of the configuration."""
        return tuple(watch.server for watch in self._watches.values())

    @property
    def lag_seconds(self) -> float:
        """How long the server that waits longest has been waiting for its turn; 0 when none waits."""
        now = asyncio.get_running_loop().time()
        return max((watch.late_seconds(now) for watch in self._watches.values()), default=0.0)

    @property
    def last_full_sweep_at(self) -> datetime | None:
        """Every server was swept then or later; None while one was not swept yet."""
        swept = [watch.swept_at for watch in self._watches.values()]
        known = [at for at in swept if at is not None]
        return min(known) if known and len(known) == len(swept) else None

    async def replace(self, servers: Sequence[Server]) -> None:
        """These servers are swept, and no others; the first call starts the sweeping.

        1. A server that is the same as before keeps its place, its report and what is remembered.
        2. One that has changed begins anew; its report stays while it is still the same machine.
        3. Of one that is gone nothing is left.
        """
        async with self._changing:
            before, self._watches = self._watches, self._watches_of(servers)
            leaving = [w for name, w in before.items() if self._watches.get(name) is not w]
            self._keep_reports(servers, before)
            self._start(other_than={watch.server.name for watch in leaving})
            await self._stop(leaving)
            await self._forget(leaving)
            self._start()

    async def sweep_now(self, name: str) -> Report:
        """The report of a sweep that began after this call; all who wait for the next one share it.

        It asks everything anew. An unknown name raises KeyError.
        """
        watch = self._watches[name]
        self._sweeper.ask_anew(name)
        return await watch.next()

    async def any_report(self, name: str) -> Report:
        """The last report of a server, or else that of the sweep that runs or comes next.

        An unknown name raises KeyError.
        """
        kept = self._cache.get(name)
        if kept is not None:
            return kept
        watch = self._watches[name]
        report = await watch.running_or_next()
        # The cache refuses what began before an administrator deleted the report.
        return report if self._cache.get(name) is not None else await watch.next()

    def unanswered(self, server: Server, why: Unanswered) -> Report:
        """The report on a server that was not swept."""
        return self._sweeper.unanswered(server, why)

    async def close(self) -> None:
        """No sweep runs any more and none will; who waits for one gets an unknown report."""
        async with self._changing:
            leaving, self._watches = list(self._watches.values()), {}
            await self._stop(leaving)

    def _watches_of(self, servers: Sequence[Server]) -> dict[str, Watch]:
        return {server.name: self._watch(server) for server in servers}

    def _watch(self, server: Server) -> Watch:
        before = self._watches.get(server.name)
        if before and before.server == server:
            return before
        if before:
            place = before.place
        else:
            self._places += 1
            place = self._places * GOLDEN % 1
        return Watch(server, place, self._sweep, self._slots, self.pace)

    def _start(self, other_than: Collection[str] = ()) -> None:
        for name, watch in self._watches.items():
            if name not in other_than:
                watch.start()

    def _keep_reports(self, servers: Sequence[Server], before: Mapping[str, Watch]) -> None:
        same = [
            server
            for server in servers
            if server.name not in before or _same_machine(server, before[server.name].server)
        ]
        if len(same) < len(servers):
            self._cache.keep_only(same)
        self._cache.keep_only(servers)

    async def _stop(self, watches: Sequence[Watch]) -> None:
        await self._ended([task for watch in watches if (task := watch.stop())])
        why = Unanswered(Reason.NOT_FOUND, "the server is not watched any more")
        for watch in watches:
            watch.leave(partial(self._sweeper.unanswered, watch.server, why))

    async def _forget(self, watches: Sequence[Watch]) -> None:
        for watch in watches:
            self._sweeper.forget(watch.server.name)
        names = [watch.server.name for watch in watches]
        await self._ended([asyncio.create_task(self._transport.forget(name)) for name in names])

    async def _ended(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        """The tasks have ended, or the limit is over; what went wrong is in the log."""
        if not tasks:
            return
        done, still = await asyncio.wait(tasks, timeout=self.pace.limit_seconds)
        for task in still:
            log.error("does not end", task=task.get_name())
        for task in done:
            if not task.cancelled() and (error := task.exception()):
                log.error("ended badly", task=task.get_name(), exc_info=error)

    async def _sweep(self, server: Server) -> Report:
        """A report on the server, whatever happens, within the limit; it is the present one."""
        try:
            report = await self._bounded(server)
        except Exception as error:  # the guarded place: no sweep that fails ends the sweeping
            log.exception("sweep crashed", server=server.name)
            report = self._sweeper.unanswered(server, bug("the sweep", error))
        self._cache.put(report)
        return report

    async def _bounded(self, server: Server) -> Report:
        limit = self.pace.limit_seconds
        try:
            async with asyncio.timeout(limit) as bound:
                return await self._sweeper.sweep(server)
        except TimeoutError:
            if not bound.expired():
                raise
        log.warning("sweep ended, it took too long", server=server.name, limit_seconds=limit)
        why = Unanswered(
            Reason.TIMEOUT,
            f"the sweep took longer than {limit:g} s and was ended",
            "look at the load of both machines and at the way between them",
        )
        return self._sweeper.unanswered(server, why)


def _same_machine(one: Server, other: Server) -> bool:
    return (one.reach, one.hostname, one.address) == (other.reach, other.hostname, other.address)
