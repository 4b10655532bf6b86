"""What tests of the engine ask for: an event loop whose time is free, and a fake of each port."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from mailvane.core.ports import Responses
from mailvane.core.request import Request
from mailvane.core.response import Unanswered
from mailvane.core.result import Report, Result
from mailvane.core.server import Recorded, Server
from mailvane.core.status import Status

T = TypeVar("T")
START = datetime(2025, 1, 12, 18, 30, tzinfo=UTC)


class FreeTime(selectors.DefaultSelector):
    """Waits for nothing: whoever would sleep finds that the time has come."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        """What is ready; the time that was to be waited has passed."""
        if timeout is None:
            raise AssertionError("everything waits, and nothing would ever happen")
        self.now += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose hours take milliseconds, the same at each run."""

    def __init__(self) -> None:
        self._free_time = FreeTime()
        super().__init__(self._free_time)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._free_time.now

    def stall(self, seconds: float) -> None:
        """Nothing has run for so long, as when the machine slept."""
        self._free_time.now += seconds


def seconds() -> float:
    """The loop's time."""
    return asyncio.get_running_loop().time()


def clock() -> datetime:
    """The loop's time as a date."""
    return START + timedelta(seconds=seconds())


@pytest.fixture
def virtually() -> Callable[[Coroutine[Any, Any, T]], T]:
    """Runs a coroutine in free time."""

    def run(coroutine: Coroutine[Any, Any, T]) -> T:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(coroutine)

    return run


@dataclass
class FakeSweeper:
    """Takes its time, then reports the server healthy, unless told otherwise; keeps a record."""

    takes: float = 1.0
    takes_for: dict[str, float] = field(default_factory=dict)
    ends_within: float = 0.0
    """How long a sweep that is cancelled takes to end."""
    crashes: set[str] = field(default_factory=set)
    began: list[tuple[float, str]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    asked_anew: list[str] = field(default_factory=list)
    running: dict[str, int] = field(default_factory=dict)
    most_of_one: int = 0
    most: int = 0

    async def sweep(self, server: Server) -> Report:
        """A healthy report, observed when the sweep began."""
        name, at = server.name, clock()
        self.began.append((seconds(), name))
        self.running[name] = self.running.get(name, 0) + 1
        self.most_of_one = max(self.most_of_one, self.running[name])
        self.most = max(self.most, sum(self.running.values()))
        try:
            await asyncio.sleep(self.takes_for.get(name, self.takes))
        except asyncio.CancelledError:
            await asyncio.sleep(self.ends_within)
            raise
        finally:
            self.running[name] -= 1
        if name in self.crashes:
            raise ZeroDivisionError
        return Report(server=name, status=Status.HEALTHY, observed_at=at, duration_seconds=1.0)

    def unanswered(self, server: Server, why: Unanswered) -> Report:
        """An unknown report with that reason."""
        result = Result(
            check="queue",
            item="",
            status=Status.UNKNOWN,
            summary=why.detail,
            observed_at=clock(),
            reason=why.reason,
        )
        return Report(
            server=server.name,
            status=Status.UNKNOWN,
            observed_at=clock(),
            duration_seconds=0.0,
            results=(result,),
        )

    def ask_anew(self, name: str) -> None:
        """As a Sweeper: noted."""
        self.asked_anew.append(name)

    def forget(self, name: str) -> None:
        """Noted."""
        self.forgotten.append(name)

    def times(self, name: str) -> list[float]:
        """When the server's sweeps began."""
        return [at for at, swept in self.began if swept == name]


@dataclass
class FakeTransport:
    """Gives the answers that it was given; keeps a record."""

    answers: dict[Request[Any], Any] = field(default_factory=dict)
    sent: list[list[Request[Any]]] = field(default_factory=list)
    asked_of: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    asked_anew: list[str] = field(default_factory=list)
    fails: bool = False

    async def send(self, server: Server, requests: Sequence[Request[Any]]) -> Responses:
        """The given responses to these requests."""
        self.asked_of.append(server.name)
        self.sent.append(list(requests))
        return {request: self.answers[request] for request in requests if request in self.answers}

    async def forget(self, name: str) -> None:
        """Noted."""
        self.forgotten.append(name)
        if self.fails:
            raise ZeroDivisionError

    async def close(self) -> None:
        """Nothing to do."""


def server(name: str, **parts: Any) -> Server:
    """A server of that name."""
    given = {"hostname": f"{name}.example", "reach": Recorded(Path("/nowhere"))} | parts
    return Server(name=name, **given)


@pytest.fixture
def make_server() -> Callable[..., Server]:
    """Makes a server of a name."""
    return server


@pytest.fixture
def sweeper() -> FakeSweeper:
    """A sweeper that takes a second for each server."""
    return FakeSweeper()


@pytest.fixture
def transport() -> FakeTransport:
    """A transport without any answers."""
    return FakeTransport()
