"""What can be wrong on the machine that Mailvane runs on."""

import os
import platform
import ssl
import stat
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mailvane.cli.finding import Finding, error, fine, warning
from mailvane.cli.parts import Joined
from mailvane.cli.state import name_of
from mailvane.core.errors import Problem, SettingsError, StoreUnavailable
from mailvane.core.server import Server, Ssh
from mailvane.core.words import plural

if TYPE_CHECKING:
    from mailvane.settings import Settings

REDIS_SECONDS = 3.0
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def software() -> Finding:
    """Which Python and which OpenSSL."""
    return fine("software", f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION}")


def wrong(problems: SettingsError) -> Iterable[Finding]:
    """Each problem of a configuration that cannot be used."""
    for problem in problems.problems:
        yield error("configuration", str(problem))


def configuration(settings: "Settings") -> Iterable[Finding]:
    """Which configuration is in force, and what should be looked at in it."""
    count = plural(len(settings.servers), "server")
    if settings.source is None:
        yield fine("configuration", f"none: the defaults hold, with {count}")
    else:
        yield fine("configuration", f"{settings.source}, {count}")
    for doubt in settings.warnings:
        yield _doubt(doubt)


def _doubt(doubt: Problem) -> Finding:
    return warning("configuration", str(doubt))


def state(folder: Path) -> Finding:
    """Whether the state folder is ours alone."""
    try:
        about = folder.stat()
    except FileNotFoundError:
        return fine("state folder", f"{folder} is not there yet; it is made when it is needed")
    except OSError as problem:
        return error("state folder", f"{folder}: {problem.strerror}")
    if about.st_uid != os.geteuid():
        owner = name_of(about.st_uid)
        return warning(
            "state folder",
            f"{folder} belongs to {owner}, and this is {name_of(os.geteuid())}",
            f"sudo -u {owner} mailvane doctor",
        )
    if stat.S_IMODE(about.st_mode) & OTHERS:
        told = f"{folder} has mode {stat.S_IMODE(about.st_mode):04o}: others can look into it"
        return warning("state folder", told, f"chmod 700 {folder}")
    return fine("state folder", f"{folder}, for us alone")


def keys(servers: Sequence[Server]) -> Iterable[Finding]:
    """Every configured key: whether it is there and ours alone."""
    from mailvane.transports.keys import unfit

    configured = (server.reach.key for server in servers if isinstance(server.reach, Ssh))
    for key in dict.fromkeys(path for path in configured if path):
        bad = unfit(key.expanduser())
        if bad:
            yield error("key", bad.detail, bad.fix)
        else:
            yield fine("key", f"{key}, for us alone")


async def database(joined: Joined, settings: "Settings") -> Finding:
    """Whether the database answers and has the tables of this version; nothing is changed or made."""
    if missing := _missing_file(settings):
        return fine("database", f"{missing} is not there yet; it is made when it is needed")
    try:
        seconds = await joined.database.ping()
        tables = await _tables(joined)
    except StoreUnavailable as away:
        return error("database", f"does not answer: {away}", "look at store.url and at its server")
    if tables == "other":
        told = "has the tables of another version of Mailvane"
        return warning(
            "database", told, "start `mailvane serve` once: it brings older ones up to date"
        )
    said = "" if tables else "; its tables are made when they are needed"
    return fine("database", f"{joined.database.kind} answers in {1000 * seconds:.1f} ms{said}")


def _missing_file(settings: "Settings") -> Path | None:
    file = settings.store.reveal().partition("sqlite:///")[2]
    return Path(file) if file and not Path(file).exists() else None


async def _tables(joined: Joined) -> str:
    """`ours`, `other`, or empty when there are none."""
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from mailvane.store.migrate import FOLDER

    async with joined.database.reading() as connection:
        found = await connection.run_sync(
            lambda plain: MigrationContext.configure(plain).get_current_heads()
        )
    if not found:
        return ""
    return "ours" if set(found) == set(ScriptDirectory(str(FOLDER)).get_heads()) else "other"


async def redis(settings: "Settings") -> AsyncIterator[Finding]:
    """Whether the configured Redis answers; without one, nothing."""
    if settings.cache.url is None:
        return
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    client = Redis.from_url(
        settings.cache.url.reveal(),
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
    )
    try:
        await client.ping()
        yield fine("redis", "answers")
    except (RedisError, OSError) as problem:
        yield warning("redis", f"does not answer: {problem}", "look at cache.url and at its server")
    finally:
        await client.aclose()
