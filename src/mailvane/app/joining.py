"""What is asked and what asks it, joined: checks, transports, the sweeper and the store."""

import os
import resource
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailvane.checks import catalogue
from mailvane.checks._custom import custom_check
from mailvane.core.check import Check
from mailvane.core.request import SqlQuery, TlsHandshake
from mailvane.core.result import Report
from mailvane.core.server import Local, Recorded, Server, Ssh
from mailvane.core.threshold import Threshold
from mailvane.engine.sweep import Sweeper
from mailvane.settings import Settings, config_file, default_settings, load

if TYPE_CHECKING:
    from mailvane.core.accounts import Accounts
    from mailvane.store.database import Database
    from mailvane.transports.router import Router
    from mailvane.transports.ssh import SshTransport


def now() -> datetime:
    """The clock of the whole service."""
    return datetime.now(UTC)


def all_checks() -> tuple[Check[Any], ...]:
    """Mailvane's own checks and those that installed packages bring."""
    brought = tuple(point.load() for point in entry_points(group="mailvane.checks"))
    return (*catalogue(), *brought)


def custom_checks(server: Server) -> tuple[Check[Any], ...]:
    """The checks that the configuration writes for this server."""
    return tuple(custom_check(spec) for spec in server.custom_checks)


def checks_for(server: Server) -> tuple[Check[Any], ...]:
    """Every check that may be asked of this server."""
    return (*all_checks(), *custom_checks(server))


def known_limits() -> Mapping[str, Mapping[str, Threshold]]:
    """The thresholds of every check, by the names that the configuration uses."""
    return {check.name: check.limits for check in all_checks()}


def load_settings(config: Path | None, state: Path | None) -> Settings:
    """The configuration, or what holds without one; raises SettingsError with all that is wrong."""
    path = config_file(os.environ, config)
    if path is None:
        return default_settings(os.environ, state)
    return load(path, os.environ, known_limits(), state)


@dataclass(frozen=True, slots=True)
class Joined:
    """The parts that ask and remember, joined; nothing runs in the background."""

    settings: Settings
    transport: "Router"
    ssh: "SshTransport"
    sweeper: Sweeper
    database: "Database"
    accounts: "Accounts"

    async def sweep(self, server: Server) -> Report:
        """A report on the server as it is now."""
        return await self.sweeper.sweep(server)


@asynccontextmanager
async def joined(settings: Settings) -> AsyncIterator[Joined]:
    """The parts as the settings want them; all that they opened is closed at the end."""
    from mailvane.store.accounts import sql_accounts
    from mailvane.store.database import Database
    from mailvane.transports.local import LocalTransport
    from mailvane.transports.recorded import RecordedTransport
    from mailvane.transports.router import Router
    from mailvane.transports.sql import SqlTransport
    from mailvane.transports.ssh import SshTransport
    from mailvane.transports.tls import TlsTransport

    allow_many_connections()
    ssh, local = SshTransport(now), LocalTransport(now)
    router = Router(
        {Ssh: ssh, Local: local, Recorded: RecordedTransport(now)},
        {TlsHandshake: TlsTransport(now), SqlQuery: SqlTransport(now)},
    )
    sweeper = Sweeper(all_checks(), router, now, custom_checks)
    database = Database(settings.store)
    session_life = timedelta(seconds=settings.auth.refresh_token_seconds)
    accounts = sql_accounts(database, now, session_life=session_life)
    try:
        yield Joined(settings, router, ssh, sweeper, database, accounts)
    finally:
        await router.close()
        await database.close()


def allow_many_connections() -> None:
    """As many files may be open as the machine lets us: each server is a connection."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
