"""The present of this process and that of a Redis, held together for as long as a link to it lasts.

A key that goes while the link lasts was deleted: by an administrator, or with everything by FLUSHALL.
A link that breaks proves nothing: the next one begins by comparing, and whoever has the newer report
gives it to the other.
So a Redis that comes back empty is filled again, and is not read as "all deleted".
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

import structlog

from mailvane.cache.document import HEAD_BYTES, LIMIT_BYTES, decode, encode, head
from mailvane.cache.link import Command, Link
from mailvane.cache.present import PREFIX, Present, key_of
from mailvane.core.ports import Clock
from mailvane.core.result import Report
from mailvane.core.server import Server

log = structlog.get_logger()

READ_AT_ONCE = 16
"""Servers read in one round trip: at most 32 times 512 KiB in memory."""
WRITE_AT_ONCE = 100
LOOK_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often and how long; all in seconds."""

    keep: float = 86_400.0
    """A key that is not written any more goes after so long."""
    limit: float = 2.0
    """For one round trip, and for connecting."""
    linger: float = 0.05
    """Writes that come within so long go together."""
    look: float = 5.0
    """Between two looks at all keys, for changes that were not heard."""
    look_deaf: float = 1.0
    """The same where Redis does not tell us of changes."""
    retry_first: float = 0.25
    retry_most: float = 15.0


class Mirror:
    """One link's life: reads what is unknown, writes what is new, hears what others do."""

    def __init__(
        self, link: Link, present: Present, clock: Clock, fresh_for_seconds: float, pace: Pace
    ) -> None:
        self._link = link
        self._present = present
        self._clock = clock
        self._fresh_for_seconds = fresh_for_seconds
        self._pace = pace
        self._seen: dict[str, bytes] = {}
        """key -> the head of its value when last seen or written; empty: it was not there."""
        self._disbelieved: set[str] = set()
        """Servers of whose foreign value the log has told."""
        present.read(list(present.servers))

    async def run(self, up: Callable[[float, str | None], None]) -> None:
        """Never returns; raises what ends the link.

        `up` is told after every look how long a round trip took, and why changes are not heard.
        """
        await self._link.listen(PREFIX)
        async with asyncio.TaskGroup() as tasks:
            if self._link.deaf is None:
                tasks.create_task(self._hear())
            tasks.create_task(self._follow(up))

    async def _hear(self) -> None:
        while True:
            keys = await self._link.changes(within=3 * self._pace.look + self._pace.limit)
            if keys is None:
                self._present.read(list(self._present.servers))
            else:
                self._present.read([name for key in keys if (name := self._present.owner(key))])

    async def _follow(self, up: Callable[[float, str | None], None]) -> None:
        """Both hold the same, again and again: delete, read, write, look at all keys when it is time, rest."""
        loop = asyncio.get_running_loop()
        pause = self._pace.look if self._link.deaf is None else self._pace.look_deaf
        look_at = loop.time()
        while True:
            self._present.work.clear()
            await self._delete()
            await self._read()
            await self._write()
            if loop.time() >= look_at:
                up(await self._look(), self._link.deaf)
                look_at = loop.time() + pause
            if not self._present.open:
                self._present.idle.set()
                await self._rest(look_at - loop.time())

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._present.work.wait()
                await asyncio.sleep(self._pace.linger)

    async def _delete(self) -> None:
        keys = list(self._present.unwanted)
        if keys:
            self._present.unwanted.clear()
            await self._link.ask([("DEL", *keys)])
            self._note(dict.fromkeys(keys, b""))

    async def _read(self) -> None:
        names = list(self._present.unread)
        self._present.unread.clear()
        gone: list[str] = []
        for some in _batches(names, READ_AT_ONCE):
            keys = [key for name in some for key in self._present.keys(name)]
            values = dict(zip(keys, await self._begins(keys, LIMIT_BYTES + 1), strict=True))
            gone += [name for name in some if self._is_gone(name, values)]
        self._forget(gone)

    def _is_gone(self, name: str, values: Mapping[str, bytes]) -> bool:
        """True when somebody deleted one of the server's keys; else the newer report is the present one."""
        server = self._present.servers.get(name)
        keys = self._present.keys(name)
        if server is None or any(key not in values for key in keys):
            return False  # the servers changed meanwhile; they will be read again
        before = {key: self._seen.get(key) for key in keys}
        now = {key: head(values[key]) for key in keys}
        self._seen.update(now)
        if any(before[key] and not now[key] for key in keys):
            return True
        own = key_of(name)
        first_time = None in before.values()
        if first_time or before[own] != now[own]:
            return self._compare(server, values[own], first_time, all_there=all(now.values()))
        return False

    def _compare(self, server: Server, value: bytes, first_time: bool, *, all_there: bool) -> bool:
        ours = self._present.reports.get(server.name)
        theirs = self._decoded(server, value) if value else None
        if theirs is None:
            # Later on, a value that is not ours is left alone until the next report: another version
            # of Mailvane may be writing it, and the two would never end correcting each other.
            if ours and first_time:
                self._present.write(server.name)
        elif ours is None:
            if first_time and not all_there:
                return (
                    True  # one of the first mail server's two keys was deleted while we were away
                )
            self._present.reports.put(theirs)
        else:
            if theirs.observed_at > ours.observed_at:
                self._present.reports.put(theirs)
            if theirs.observed_at < ours.observed_at or not all_there:
                self._present.write(server.name)
        return False

    def _decoded(self, server: Server, value: bytes) -> Report | None:
        try:
            return decode(value, server, self._clock())
        except ValueError as error:
            if server.name not in self._disbelieved:
                self._disbelieved.add(server.name)
                log.warning("value in redis ignored", key=key_of(server.name), why=str(error)[:200])
            return None

    async def _write(self) -> None:
        names = list(islice(self._present.unwritten, WRITE_AT_ONCE))
        values = {key: value for name in names for key, value in self._values_of(name)}
        for name in names:
            self._present.unwritten.pop(name)
        if values:
            commands = [self._set(key, value) for key, value in values.items()]
            replies = await self._link.ask(commands)
            written = dict(zip(values, (reply is not None for reply in replies), strict=True))
            self._note({key: head(values[key]) for key in values if written[key]})
            self._lost([key for key in values if not written[key]])

    def _values_of(self, name: str) -> Iterator[tuple[str, bytes]]:
        """The keys of a server with its value; its own key last, so that whoever reads it finds both."""
        server, report = self._present.servers.get(name), self._present.reports.get(name)
        if server and report:
            value = encode(server, report, self._clock(), self._fresh_for_seconds)
            yield from ((key, value) for key in reversed(self._present.keys(name)))

    def _set(self, key: str, value: bytes) -> Command:
        """Written only if the key is still there, or still not there, as it was when last seen."""
        only_if = "XX" if self._seen.get(key) else "NX"
        return ("SET", key, value, "EX", int(self._pace.keep), only_if)

    def _lost(self, keys: Sequence[str]) -> None:
        """Keys that were not written: deleted meanwhile, or written meanwhile by somebody else."""
        deleted = [key for key in keys if self._seen.get(key)]
        for key in keys:
            self._seen.pop(key, None)
        owners = {key: name for key in keys if (name := self._present.owner(key))}
        self._present.read([name for key, name in owners.items() if key not in deleted])
        self._note(dict.fromkeys(deleted, b""))
        self._forget([owners[key] for key in deleted if key in owners])

    def _note(self, heads: Mapping[str, bytes]) -> None:
        self._seen.update((key, value) for key, value in heads.items() if self._present.owner(key))

    def _forget(self, names: Sequence[str]) -> None:
        """What was deleted in Redis is not known here either, nor under the server's other key."""
        if names:
            log.info("deleted in redis, collected anew at the next read", servers=list(names)[:10])
        for name in dict.fromkeys(names):
            self._present.forget(name, self._clock())
            self._present.delete([key for key in self._present.keys(name) if self._seen.get(key)])

    async def _look(self) -> float:
        """Servers whose keys are not as they were last seen will be read; the seconds of a round trip."""
        keys = [key for name in self._present.servers for key in self._present.keys(name)]
        for some in _batches(keys, LOOK_AT_ONCE):
            heads = zip(some, await self._begins(some, HEAD_BYTES), strict=True)
            changed = [key for key, seen in heads if seen != self._seen.get(key)]
            self._present.read([name for key in changed if (name := self._present.owner(key))])
        began = time.perf_counter()
        await self._link.ask([("PING",)])
        seconds = time.perf_counter() - began
        await self._link.knock()
        return seconds

    async def _begins(self, keys: Sequence[str], most_bytes: int) -> list[bytes]:
        """What the keys' values begin with; empty where there is none."""
        replies = await self._link.ask([("GETRANGE", key, 0, most_bytes - 1) for key in keys])
        return [reply if isinstance(reply, bytes) else b"" for reply in replies]


def _batches(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (names[at : at + size] for at in range(0, len(names), size))
