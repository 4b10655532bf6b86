"""The configuration as values: what the other parts are handed."""

from dataclasses import dataclass, field
from pathlib import Path

from mailvane.core.access import Doorway
from mailvane.core.errors import Problem
from mailvane.core.region import Region
from mailvane.core.secret import Secret
from mailvane.core.server import CustomCheck, Server


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """Where the present is kept, and how old it may be."""

    url: Secret | None = None
    """A Redis that is kept up to date as well; None: this process's memory."""
    fresh_for_seconds: float = 60.0
    refresh_every_seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """How servers are asked."""

    at_once: int = 200
    limit_seconds: float = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """Where the API listens, and who may call it from where."""

    host: str = "127.0.0.1"
    port: int = 8025
    doorway: Doorway = field(default_factory=Doorway)
    """Origins, trusted proxies and the platform's tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSettings:
    """How long Mailvane's own tokens are valid."""

    access_token_seconds: float = 900.0
    refresh_token_seconds: float = 2_592_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """Mailvane's own log."""

    level: str = "info"
    """debug, info, warning or error."""
    format: str = "console"
    """console or json."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of the configuration, as it is in force."""

    servers: tuple[Server, ...]
    """In the order of the file."""
    regions: tuple[Region, ...] = ()
    """Those of the file in its order, then those that only servers name."""
    checks: tuple[CustomCheck, ...] = ()
    """Every custom check; a server holds those that are asked of it."""
    cache: CacheSettings = field(default_factory=CacheSettings)
    sweep: SweepSettings = field(default_factory=SweepSettings)
    store: Secret
    """The URL of the database for users, sessions and tokens."""
    api: ApiSettings = field(default_factory=ApiSettings)
    auth: AuthSettings = field(default_factory=AuthSettings)
    log: LogSettings = field(default_factory=LogSettings)
    state: Path
    """The folder for what Mailvane itself writes."""
    source: Path | None = None
    """The file that it was read from; None: there was none."""
    warnings: tuple[Problem, ...] = ()
    """What is taken, but should be looked at."""
