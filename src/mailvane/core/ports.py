"""What the parts need of each other, as protocols; `app` hands each the real thing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from mailvane.core.request import Request
from mailvane.core.response import Answered, Unanswered
from mailvane.core.result import Report
from mailvane.core.server import Server

Clock = Callable[[], datetime]
"""Now, aware and UTC."""

Responses = Mapping[Request[Any], Answered[Any] | Unanswered]


class Transport(Protocol):
    """Carries requests to where they are answered; judges nothing and raises nothing for a failure."""

    async def send(self, server: Server, requests: Sequence[Request[Any]]) -> Responses:
        """A response for every request, each within its own time limit."""
        ...

    async def forget(self, name: str) -> None:
        """Whatever was open to the server of that name is closed."""
        ...

    async def close(self) -> None:
        """Everything that was open is closed."""
        ...


class Cache(Protocol):
    """The present: the last report of each server.

    `get` never waits: it answers from this process. What another process wrote or deleted in a shared
    cache is taken over as it is noticed.
    """

    def get(self, server: str) -> Report | None:
        """The last report, None when there is none or it was deleted."""
        ...

    def put(self, report: Report) -> None:
        """The report is the present one; a shared cache gets it in the background."""
        ...

    def keep_only(self, servers: Sequence[Server]) -> None:
        """Reports of other servers are gone; the first mail server is the first of these with that role."""
        ...

    def version(self) -> int:
        """Grows whenever any report changes or goes, or the servers change."""
        ...

    async def open(self) -> None:
        """The cache is ready; one that cannot be reached is tried again in the background."""
        ...

    async def close(self) -> None:
        """Nothing of it runs any more."""
        ...


class Fleet(Protocol):
    """What the API and the command line see of the watched servers."""

    def servers(self) -> Sequence[Server]:
        """The servers that are watched now, in the order of the configuration."""
        ...

    def report(self, name: str) -> Report | None:
        """The last report of a server, however old; None before its first."""
        ...

    async def sweep(self, name: str) -> Report:
        """A report that is newer than this call; joins a sweep that is already running."""
        ...

    async def collect(self) -> Iterable[Report]:
        """A report of every server; waits only for those that have none."""
        ...

    def version(self) -> int:
        """Grows whenever any report changes or goes, so that what was prepared from them is made anew."""
        ...
