"""Every Cache keeps the same promises."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailvane.cache.memory import MemoryCache
from mailvane.cache.redis import RedisCache
from mailvane.core.ports import Cache
from mailvane.core.result import Report
from mailvane.core.secret import Secret
from mailvane.core.server import Recorded, Server
from mailvane.core.status import Status

NOW = datetime(2025, 1, 12, 18, 30, tzinfo=UTC)


def server(name: str, role: str = "mail") -> Server:
    """A server of that name."""
    return Server(
        name=name, hostname=f"{name}.example", role=role, reach=Recorded(Path("/nowhere"))
    )


def report(name: str, seconds: float = 0, status: Status = Status.HEALTHY) -> Report:
    """A report on a server, so many seconds after the first."""
    return Report(
        server=name,
        status=status,
        observed_at=NOW + timedelta(seconds=seconds),
        duration_seconds=0.1,
    )


@pytest.fixture(params=["memory", "redis", "redis that is away"])
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    """An open cache of each kind that keeps the servers a and b."""
    made = _made(request)
    made.keep_only([server("a"), server("b")])
    await made.open()
    yield made
    await made.close()


def _made(request: pytest.FixtureRequest) -> Cache:
    if request.param == "memory":
        return MemoryCache()
    redis: Any = request.getfixturevalue("redis_url")
    if request.param == "redis that is away":
        redis.stop()
    return RedisCache(Secret(redis.url), lambda: NOW)


def test_nothing_is_known_at_first(cache: Cache) -> None:
    """A server without a report has none."""
    assert cache.get("a") is None


def test_what_was_put_is_there_at_once(cache: Cache) -> None:
    """`get` after `put` gives that report without waiting for anything."""
    cache.put(report("a"))
    assert cache.get("a") == report("a")


def test_the_last_report_is_the_present_one(cache: Cache) -> None:
    """Of two reports the later put is there, whatever our clock did in between."""
    cache.put(report("a", 30))
    cache.put(report("a", 10, Status.UNHEALTHY))
    assert cache.get("a") == report("a", 10, Status.UNHEALTHY)


def test_each_server_has_its_own(cache: Cache) -> None:
    """A report is found under its server's name only."""
    cache.put(report("a"))
    cache.put(report("b", 1))
    assert cache.get("a") == report("a")
    assert cache.get("b") == report("b", 1)


def test_only_kept_servers_are_remembered(cache: Cache) -> None:
    """After `keep_only` the others' reports are gone and those of the kept ones still there."""
    cache.put(report("a"))
    cache.put(report("b"))
    cache.keep_only([server("b")])
    assert cache.get("a") is None
    assert cache.get("b") == report("b")


def test_a_report_of_another_server_is_not_taken(cache: Cache) -> None:
    """What a sweep of a removed server still brings does not come back."""
    cache.put(report("c"))
    assert cache.get("c") is None


def test_a_server_that_comes_back_starts_without_a_report(cache: Cache) -> None:
    """Removing and adding a server again forgets its report."""
    cache.put(report("a"))
    cache.keep_only([server("b")])
    cache.keep_only([server("a"), server("b")])
    assert cache.get("a") is None


def test_the_version_grows_with_every_change(cache: Cache) -> None:
    """Each put and each change of the servers is a new version; reading is none."""
    versions = [cache.version()]
    cache.put(report("a"))
    versions.append(cache.version())
    cache.put(report("a", 1))
    versions.append(cache.version())
    cache.keep_only([server("b")])
    versions.append(cache.version())
    assert versions == sorted(set(versions))
    cache.get("b")
    assert cache.version() == versions[-1]


async def test_closing_twice_is_no_error(cache: Cache) -> None:
    """A closed cache can be closed again, and still answers from memory."""
    cache.put(report("a"))
    await cache.close()
    await cache.close()
    assert cache.get("a") == report("a")
