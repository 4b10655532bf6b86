"""What this process holds, and what it has still to tell Redis or to ask of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mailvane.cache.memory import MemoryCache
from mailvane.core.result import Report
from mailvane.core.server import Server

PREFIX = "mail:server:health"
"""The key of the first mail server; with `:{name}` that of each."""


def key_of(name: str) -> str:
    """The key of a server."""
    return f"{PREFIX}:{name}"


@dataclass(slots=True)
class Present:
    """The reports of this process beside three lists of open work, none longer than the servers are many."""

    reports: MemoryCache = field(default_factory=MemoryCache)
    servers: dict[str, Server] = field(default_factory=dict)
    first: str | None = None
    """The name of the first mail server."""
    unwritten: dict[str, None] = field(default_factory=dict)
    """Servers whose report Redis lacks; by name, so that only the newest is written."""
    unread: dict[str, None] = field(default_factory=dict)
    """Servers of which we do not know what Redis holds."""
    unwanted: dict[str, None] = field(default_factory=dict)
    """Keys that are to be deleted."""
    deleted_at: dict[str, datetime] = field(default_factory=dict)
    work: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when something was added to a list."""
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while Redis and we hold the same."""

    def put(self, report: Report) -> None:
        """The report is the present one, unless its sweep began before the server's key was deleted."""
        deleted_at = self.deleted_at.pop(report.server, None)
        if deleted_at is None or report.observed_at >= deleted_at:
            self.reports.put(report)
            self.write(report.server)

    def write(self, name: str) -> None:
        """The server's report will be written."""
        self.unwritten[name] = None
        self.idle.clear()
        self.work.set()

    def read(self, names: Sequence[str]) -> None:
        """The servers' keys will be read."""
        if names:
            self.unread.update(dict.fromkeys(names))
            self.work.set()

    def delete(self, keys: Sequence[str]) -> None:
        """The keys will be deleted."""
        if keys:
            self.unwanted.update(dict.fromkeys(keys))
            self.idle.clear()
            self.work.set()

    def forget(self, name: str, now: datetime) -> None:
        """The server's report was deleted: there is none until a sweep that begins after `now`."""
        self.reports.drop(name)
        self.unwritten.pop(name, None)
        self.deleted_at[name] = now

    def keep_only(self, servers: Sequence[Server]) -> None:
        """Reports and keys of other servers go; those of new servers are read."""
        before, was_first = self.servers, self.first
        self.servers = {server.name: server for server in servers}
        self.first = next((server.name for server in servers if server.is_mail), None)
        self.reports.keep_only(servers)
        for name in before.keys() - self.servers.keys():
            self.deleted_at.pop(name, None)
            self.delete([key_of(name)])
        if was_first and was_first != self.first:
            self.delete([PREFIX])
        self.read([name for name in self.servers if name not in before])
        if self.first and was_first and was_first != self.first and self.reports.get(self.first):
            self.write(self.first)

    def keys(self, name: str) -> tuple[str, ...]:
        """The keys of a server: two for the first mail server."""
        return (key_of(name), PREFIX) if name == self.first else (key_of(name),)

    def owner(self, key: str) -> str | None:
        """The server that a key is about, None when it is none of ours."""
        name = self.first if key == PREFIX else key.removeprefix(f"{PREFIX}:")
        return name if name in self.servers else None

    @property
    def open(self) -> bool:
        """True when there is work."""
        return bool(self.unwritten or self.unread or self.unwanted)
