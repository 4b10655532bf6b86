"""A fake app: fixed servers, checks and reports, and what the commands print about them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from typer.testing import Result as Ran

from mailvane.cli import app
from mailvane.cli.command import Called
from mailvane.core.check import Check
from mailvane.core.errors import MailvaneError
from mailvane.core.response import Reason
from mailvane.core.result import Metric, NotApplicable, Report, Result
from mailvane.core.secret import Secret
from mailvane.core.server import Server, Ssh
from mailvane.core.status import Status, worst
from mailvane.core.threshold import rising
from mailvane.settings import Settings

NOW = datetime(2025, 1, 12, 18, 30, tzinfo=UTC)


class FakeDatabase:
    """Answers at once."""

    async def open(self) -> None:
        """The tables are there."""


@dataclass
class FakeApp:
    """Implements mailvane.cli.parts.App with what it was given."""

    reports: dict[str, Report] = field(default_factory=dict)
    servers: tuple[Server, ...] = ()
    checks: tuple[Check[Any], ...] = ()
    error: MailvaneError | None = None
    accounts: Any = None
    sweep: Callable[[Server], Any] | None = None
    loaded: list[tuple[Path | None, Path | None]] = field(default_factory=list)
    served: list[Any] = field(default_factory=list)

    def load_settings(self, config: Path | None, state: Path | None) -> Settings:
        """The servers, or the error."""
        self.loaded.append((config, state))
        if self.error:
            raise self.error
        return Settings(
            servers=self.servers,
            store=Secret("postgresql://mailvane@nowhere.invalid/mailvane"),
            state=state or Path("/nonexistent/mailvane"),
        )

    def all_checks(self) -> Sequence[Check[Any]]:
        """Those that were given."""
        return self.checks

    def checks_for(self, server: Server) -> Sequence[Check[Any]]:
        """Those that were given, for every server."""
        del server
        return self.checks

    @asynccontextmanager
    async def joined(self, settings: Settings) -> AsyncIterator["FakeJoined"]:
        """Everything fake."""
        del settings
        yield FakeJoined(self)

    async def serve(self, load: Callable[[], Any], say: Callable[[str], None]) -> None:
        """Notes that it was called, and says where to look."""
        self.served.append(load())
        say("look at [http://127.0.0.1:8025]")


@dataclass
class FakeJoined:
    """Implements mailvane.cli.parts.Joined."""

    fake: FakeApp
    database: FakeDatabase = field(default_factory=FakeDatabase)

    @property
    def accounts(self) -> Any:
        """Those that were given."""
        return self.fake.accounts

    async def sweep(self, server: Server) -> Report:
        """The report that was given, or what `sweep` makes."""
        if self.fake.sweep:
            return await self.fake.sweep(server)
        return self.fake.reports[server.name]


Run = Callable[..., Ran]


@pytest.fixture
def run() -> Run:
    """Runs `mailvane` with arguments over a fake app, at 2025-01-12 18:30."""

    def _run(fake: FakeApp, *arguments: str, charset: str = "utf-8", **more: Any) -> Ran:
        called = Called(clock=lambda: NOW, parts=fake)
        return CliRunner(charset=charset).invoke(app, list(arguments), obj=called, **more)

    return _run


@pytest.fixture
def server() -> Callable[..., Server]:
    """Makes a server by name."""

    def _server(name: str = "mail-va", **more: Any) -> Server:
        told = {"hostname": f"{name}.example.com", "reach": Ssh(host="192.0.2.25", user="monitor")}
        return Server(name=name, **{**told, **more})

    return _server


@pytest.fixture
def result() -> Callable[..., Result]:
    """Makes a result of a check."""

    def _result(check: str, status: str, summary: str, **more: Any) -> Result:
        given = {"item": "", **more}
        return Result(check=check, status=Status(status), summary=summary, observed_at=NOW, **given)

    return _result


@pytest.fixture
def report() -> Callable[..., Report]:
    """Makes a report of a server from results."""

    def _report(name: str, *results: Result, **more: Any) -> Report:
        status = worst(one.status for one in results)
        return Report(
            server=name,
            status=status,
            observed_at=NOW,
            duration_seconds=0.412,
            results=results,
            **more,
        )

    return _report


@pytest.fixture
def troubled(
    server: Callable[..., Server], result: Callable[..., Result], report: Callable[..., Report]
) -> FakeApp:
    """One degraded server with something of everything."""
    told = report(
        "mail-va",
        result(
            "instance",
            "healthy",
            "192.0.2.25 answers on port 22",
            metrics=(Metric("connect_seconds", 0.0123),),
        ),
        result(
            "services",
            "healthy",
            "postfix runs",
            item="postfix",
            details={"services": {"postfix": {"status": "healthy"}}},
        ),
        result(
            "queue",
            "degraded",
            "150 messages queued (degraded from 100, unhealthy above 500)",
            metrics=(Metric("queue_messages", 150, rising(100, 500)),),
            evidence=("120 x connect to defer.test[192.0.2.4]:25: Connection refused",),
            limits="(degraded from 100, unhealthy above 500)",
            fix="postqueue -p | less",
        ),
        result(
            "log",
            "unknown",
            "cannot read /var/log/mail.log (root:adm 0640) as monitor",
            fix="usermod -aG adm monitor",
            reason=Reason.NOT_PERMITTED,
        ),
        not_applicable=(
            NotApplicable("delivery", "no database is configured"),
            NotApplicable("opendkim", "not installed"),
            NotApplicable("dovecot", "not installed"),
        ),
    )
    return FakeApp({"mail-va": told}, (server(),))
