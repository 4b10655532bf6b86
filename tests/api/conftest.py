"""A whole API over a fleet and accounts in memory, with clocks that a test moves."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import uvicorn

from mailvane.api.build import Needs, build_api
from mailvane.api.dependencies import Dependencies
from mailvane.api.fast import FastPath
from mailvane.api.health import Conditions
from mailvane.core.access import Doorway
from mailvane.core.accounts import Accounts, Role
from mailvane.core.check import Check
from mailvane.core.errors import StoreUnavailable
from mailvane.core.region import Region
from mailvane.core.response import Reason
from mailvane.core.result import Metric, NotApplicable, Report, Result
from mailvane.core.secret import Secret
from mailvane.core.server import CustomCheck, Local, Server
from mailvane.core.status import Status
from mailvane.core.threshold import rising
from mailvane.store.memory import memory_accounts
from mailvane.store.passwords import Passwords

NOW = datetime(2025, 1, 12, 18, 30, tzinfo=UTC)
PASSWORD = "correct horse battery"
SECRET = Secret("k" * 64)
BASE = "http://testserver"


class Clocks:
    """The wall clock and the ticks, moved together."""

    def __init__(self) -> None:
        self.now = NOW
        self.seconds = 1000.0

    def clock(self) -> datetime:
        """Now."""
        return self.now

    def ticks(self) -> float:
        """Seconds that only grow."""
        return self.seconds

    def advance(self, seconds: float) -> None:
        """It is so much later."""
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds


class FakeFleet:
    """The port Fleet, with reports as the test sets them."""

    def __init__(self, servers: Sequence[Server], clocks: Clocks) -> None:
        self._servers = list(servers)
        self._clocks = clocks
        self._version = 1
        self.reports: dict[str, Report] = {}
        self.collected = 0
        self.swept: list[str] = []

    def servers(self) -> Sequence[Server]:
        """All of them."""
        return self._servers

    def report(self, name: str) -> Report | None:
        """As the test set it."""
        return self.reports.get(name)

    async def sweep(self, name: str) -> Report:
        """A new healthy report, kept."""
        self.swept.append(name)
        self.put(report(name, self._clocks.now))
        return self.reports[name]

    async def collect(self) -> Iterable[Report]:
        """Sweeps those that have no report."""
        self.collected += 1
        for server in self._servers:
            if server.name not in self.reports:
                await self.sweep(server.name)
        return list(self.reports.values())

    def version(self) -> int:
        """Grows with every put and drop."""
        return self._version

    def put(self, one: Report) -> None:
        """The report is the present one."""
        self.reports[one.server] = one
        self._version += 1

    def drop(self, name: str) -> None:
        """The report was deleted."""
        del self.reports[name]
        self._version += 1


def report(name: str, at: datetime, status: Status = Status.HEALTHY) -> Report:
    """A report with two results: a queue that is judged, and a custom check that went unanswered."""
    queue = Result(
        check="queue",
        item="",
        status=status,
        summary="12 messages (degraded from 100, unhealthy above 500)",
        observed_at=at,
        metrics=(Metric("queue_messages", 12, rising(100, 500)), Metric("odd", float("nan"))),
        details={"by": {"active": 12}},
        evidence=("<script>alert(1)</script>",),
        limits="(degraded from 100, unhealthy above 500)",
        fix="postqueue -p",
    )
    relay = Result(
        check="relay",
        item="",
        status=Status.UNKNOWN,
        summary="no answer",
        observed_at=at,
        reason=Reason.TIMEOUT,
    )
    return Report(
        server=name,
        status=status,
        observed_at=at,
        duration_seconds=0.2,
        results=(queue, relay),
        not_applicable=(NotApplicable("delivery", "no database is configured"),),
        not_asked=("disk",),
    )


QUEUE = Check[Any](
    name="queue",
    title="Mail queue",
    ask=lambda *_: (),
    read=lambda *_: None,
    judge=lambda *_: (),
    limits={"messages": rising(100, 500, source="DESIGN")},
    runbook="Too many mails wait.",
)
SERVERS = (
    Server(
        name="mail-va",
        hostname="mail-va.example.com",
        reach=Local(),
        region="us-east-1",
        zone="us-east-1a",
        custom_checks=(
            CustomCheck(name="relay", command="true", title="Relay host", runbook="Look at it."),
        ),
    ),
    Server(name="api-1", role="api", hostname="api-1.example.com", reach=Local()),
)


@dataclass
class World:
    """An API and all that it was handed."""

    clocks: Clocks
    fleet: FakeFleet
    accounts: Accounts
    needs: Needs
    api: FastPath
    store_away: list[bool] = field(default_factory=lambda: [False])
    fresh_for_seconds: list[float] = field(default_factory=lambda: [60.0])

    def again(self, doorway: Doorway) -> FastPath:
        """The API anew, with another doorway."""
        self.needs = replace(self.needs, doorway=doorway)
        self.api = build_api(self.needs)
        return self.api

    def client(self, **more: Any) -> httpx.AsyncClient:
        """Somebody without a token; bugs become 500, as they do for real."""
        transport = httpx.ASGITransport(app=self.api, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=BASE, **more)

    async def login(self, role: Role = Role.VIEWER, name: str = "") -> dict[str, Any]:
        """The tokens of somebody of that role, who is made when he does not exist."""
        name = name or role.value
        if await self.accounts.users.find(name) is None:
            await self.accounts.users.add(name, PASSWORD, role)
        async with self.client() as client:
            said = await client.post(
                "/api/v1/auth/login", json={"username": name, "password": PASSWORD}
            )
        assert said.status_code == 200, said.text
        return dict(said.json())

    async def bearer(self, role: Role = Role.VIEWER, name: str = "") -> dict[str, str]:
        """The header of somebody of that role."""
        return {"Authorization": f"Bearer {(await self.login(role, name))['access_token']}"}

    @asynccontextmanager
    async def serving(self, http: Any = "httptools") -> AsyncIterator[str]:
        """The API behind a real uvicorn on loopback, with that protocol; yields its address."""
        config = uvicorn.Config(
            self.api,
            loop="none",
            http=http,
            log_level="error",
            lifespan="off",
            proxy_headers=False,
            server_header=False,
        )
        server = uvicorn.Server(config)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            running = asyncio.create_task(server.serve([listening]))
            while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
                await asyncio.sleep(0.01)
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                server.should_exit = True
                await running


@pytest.fixture
def world() -> World:
    """Two servers with reports, nobody who may log in, nobody allowed from elsewhere."""
    clocks = Clocks()
    fleet = FakeFleet(SERVERS, clocks)
    for server in SERVERS:
        fleet.put(report(server.name, NOW))
    accounts = memory_accounts(clocks.clock, Passwords(memory_kib=8))
    away, fresh_for = [False], [60.0]

    async def ping() -> float:
        if away[0]:
            raise StoreUnavailable("connection refused by 10.0.0.5")
        return 0.0012

    needs = Needs(
        fleet=fleet,
        accounts=accounts,
        dependencies=Dependencies({"database": ping, "redis": None}, clocks.ticks),
        catalogue=lambda: (QUEUE,),
        conditions=lambda: Conditions((Region("us-east-1", "US East"),), fresh_for[0]),
        doorway=Doorway(),
        secret=SECRET,
        clock=clocks.clock,
        ticks=clocks.ticks,
        version="0.1.0",
    )
    return World(clocks, fleet, accounts, needs, build_api(needs), away, fresh_for)


@pytest.fixture
def make_report() -> Callable[..., Report]:
    """Makes a report: name, time, status."""
    return report


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a token."""
    async with world.client() as client:
        yield client
