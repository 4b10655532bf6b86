"""The Redis cache against a real redis-server, as an administrator and a failing machine treat it."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from mailvane.cache.mirror import Pace
from mailvane.cache.redis import RedisCache
from mailvane.core.result import Metric, Report, Result
from mailvane.core.secret import Secret
from mailvane.core.server import Recorded, Server
from mailvane.core.status import Status

NOW = datetime(2025, 1, 12, 18, 30, tzinfo=UTC)
FIRST, MAIL, API = "mail:server:health", "mail:server:health:mail-va", "mail:server:health:api-1"
QUICK = Pace(limit=0.5, linger=0.0, look=0.2, look_deaf=0.1, retry_first=0.05, retry_most=0.1)
HEARING = Pace(limit=2.0, linger=0.0, look=3600.0, retry_first=0.05, retry_most=0.1)
"""Never looks, so that whatever is noticed was heard."""


def server(name: str, role: str = "mail") -> Server:
    """A server of that name."""
    return Server(
        name=name, hostname=f"{name}.example", role=role, reach=Recorded(Path("/nowhere"))
    )


SERVERS = (server("api-1", "api"), server("mail-va"))


def report(name: str = "mail-va", seconds: float = 0, queue: int = 3) -> Report:
    """A report on a server, so many seconds after the first."""
    at = NOW + timedelta(seconds=seconds)
    found = Result(
        check="queue",
        item="",
        status=Status.HEALTHY,
        summary=f"{queue} messages",
        observed_at=at,
        metrics=(Metric("queue_messages", queue),),
        evidence=("A1B2 <a@b.example>",),
    )
    return Report(
        server=name, status=Status.HEALTHY, observed_at=at, duration_seconds=0.1, results=(found,)
    )


class Admin:
    """An administrator with redis-cli."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self, *words: str, given: bytes | None = None) -> bytes:
        """What redis-cli prints for a command; `given` is its last argument."""
        last = ("-x",) if given is not None else ()
        done = subprocess.run(
            ["redis-cli", "-u", self._url, *last, *words],
            input=given,
            capture_output=True,
            check=True,
            timeout=10,
        )
        return done.stdout.removesuffix(b"\n")

    def value(self, key: str) -> Any:
        """The JSON under a key, None when there is no key."""
        return json.loads(self("GET", key) or b"null")

    def pid(self) -> int:
        """The process of the Redis."""
        lines = self("INFO", "server").decode().splitlines()
        return int(dict(line.split(":", 1) for line in lines if ":" in line)["process_id"])


@pytest.fixture
def admin(redis_url: Any) -> Admin:
    """An administrator of the test's Redis."""
    return Admin(redis_url.url)


@asynccontextmanager
async def opened(
    url: str, *, pace: Pace = HEARING, servers: tuple[Server, ...] = SERVERS, now: datetime = NOW
) -> AsyncIterator[RedisCache]:
    """A cache as a process of Mailvane has it."""
    cache = RedisCache(Secret(url), lambda: now, 60, pace)
    cache.keep_only(servers)
    await cache.open()
    try:
        yield cache
    finally:
        await cache.close()


async def eventually(true: Callable[[], object]) -> None:
    """Waits until it is so; fails when it does not come about."""
    for _ in range(1000):
        if true():
            return
        await asyncio.sleep(0.01)
    pytest.fail("did not come about within ten seconds")


async def always(true: Callable[[], object], turns: int = 30) -> None:
    """It is so and stays so for a while."""
    for _ in range(turns):
        assert true()
        await asyncio.sleep(0.01)


def is_(cache: RedisCache, status: Status) -> Callable[[], bool]:
    """Whether the cache says that of its Redis."""
    return lambda: cache.status().status is status


def _jq(query: str, document: bytes) -> list[str]:
    read = subprocess.run(
        ["jq", "-r", query], input=document, capture_output=True, check=True, timeout=10
    )
    return read.stdout.decode().splitlines()


# An administrator


async def test_an_administrator_reads_the_health(redis_url: Any, admin: Admin) -> None:
    """`redis-cli GET mail:server:health | jq .` shows the fields of the health document."""
    async with opened(redis_url.url) as cache:
        cache.put(report())
        await eventually(lambda: admin("EXISTS", FIRST) == b"1")
    assert _jq(".status, .server, .queue, .observedAt, .freshUntil", admin("GET", FIRST)) == [
        "healthy",
        "mail-va.example",
        "3",
        "2025-01-12T18:30:00.000Z",
        "2025-01-12T18:31:00.000Z",
    ]


async def test_the_first_mail_server_has_two_keys(redis_url: Any, admin: Admin) -> None:
    """Each server has its key; the first with the role mail has the plain one as well."""
    async with opened(redis_url.url) as cache:
        cache.put(report())
        cache.put(report("api-1"))
        await eventually(lambda: admin("DBSIZE") == b"3")
    assert admin.value(FIRST) == admin.value(MAIL)
    assert admin.value(API)["server"] == "api-1.example"


async def test_keys_outlive_freshness_but_not_for_ever(redis_url: Any, admin: Admin) -> None:
    """A key stays for a day after its last write, far longer than its sixty fresh seconds."""
    async with opened(redis_url.url) as cache:
        cache.put(report())
        await eventually(lambda: admin("EXISTS", FIRST) == b"1")
    assert 86_000 < int(admin("TTL", FIRST)) <= 86_400
    assert 86_000 < int(admin("TTL", MAIL)) <= 86_400


@pytest.mark.parametrize("key", [FIRST, MAIL])
async def test_a_deleted_key_is_forgotten(redis_url: Any, admin: Admin, key: str) -> None:
    """DEL of either key of the first mail server forgets its report and deletes the other key."""
    async with opened(redis_url.url) as cache:
        cache.put(report())
        cache.put(report("api-1"))
        await eventually(lambda: admin("DBSIZE") == b"3")
        version = cache.version()
        admin("DEL", key)
        await eventually(lambda: cache.get("mail-va") is None)
        assert cache.version() > version
        await eventually(lambda: admin("DBSIZE") == b"1")
        assert cache.get("api-1") == report("api-1")


async def test_flushall_forgets_everything(redis_url: Any, admin: Admin) -> None:
    """After FLUSHALL no server has a report until it is put anew."""
    async with opened(redis_url.url) as cache:
        cache.put(report())
        cache.put(report("api-1"))
        await eventually(lambda: admin("DBSIZE") == b"3")
        admin("FLUSHALL")
        await eventually(lambda: cache.get("mail-va") is None and cache.get("api-1") is None)
        cache.put(report(seconds=5))
        await eventually(lambda: admin.value(FIRST))
        assert admin.value(FIRST)["observedAt"] == "2025-01-12T18:30:05.000Z"


async def test_anew_means_after_the_deletion(redis_url: Any, admin: Admin) -> None:
    """A sweep that began before the deletion does not bring its report back; the next one does."""
    async with opened(redis_url.url) as cache:
        cache.put(report())
        await eventually(lambda: admin("EXISTS", MAIL) == b"1")
        admin("DEL", FIRST)
        await eventually(lambda: cache.get("mail-va") is None)
        cache.put(report(seconds=-1))
        assert cache.get("mail-va") is None
        cache.put(report(seconds=1))
        assert cache.get("mail-va") == report(seconds=1)


async def test_a_deletion_beside_a_write_is_not_overwritten(redis_url: Any, admin: Admin) -> None:
    """A write that comes after a DEL which was not heard yet notices it, and does not bring the key back."""
    async with opened(redis_url.url) as cache:
        cache.put(report())
        await eventually(lambda: admin("EXISTS", FIRST) == b"1")
        admin("DEL", FIRST, MAIL)
        cache.put(report(seconds=1))  # before the loop had a turn to hear of it
        await eventually(lambda: cache.get("mail-va") is None)
        await always(lambda: admin("EXISTS", FIRST, MAIL) == b"0")


async def test_own_writes_are_not_taken_for_deletions(redis_url: Any, admin: Admin) -> None:
    """A hundred reports one after the other are all kept."""
    async with opened(redis_url.url) as cache:
        for second in range(100):
            cache.put(report(seconds=second))
            await asyncio.sleep(0.001)
            assert cache.get("mail-va") == report(seconds=second)
        await eventually(lambda: admin.value(MAIL)["observedAt"] == "2025-01-12T18:31:39.000Z")
        await always(lambda: cache.get("mail-va") == report(seconds=99))


async def test_a_removed_server_goes_from_redis(redis_url: Any, admin: Admin) -> None:
    """Its key is deleted, and the plain key belongs to the mail server that is first now."""
    async with opened(redis_url.url, servers=(*SERVERS, server("mail-or"))) as cache:
        cache.put(report())
        cache.put(report("mail-or", 1))
        await eventually(lambda: admin("DBSIZE") == b"3")
        cache.keep_only([server("mail-or")])
        await eventually(lambda: admin("EXISTS", MAIL) == b"0")
        await eventually(lambda: (admin.value(FIRST) or {}).get("name") == "mail-or")
        assert cache.get("mail-or") == report("mail-or", 1)


async def test_the_plain_key_is_never_about_a_former_server(redis_url: Any, admin: Admin) -> None:
    """While the mail server that is first now has no report, there is no plain key."""
    async with opened(redis_url.url) as cache:
        cache.put(report())
        await eventually(lambda: admin("EXISTS", FIRST) == b"1")
        cache.keep_only([server("mail-or"), server("mail-va")])
        await eventually(lambda: admin("EXISTS", FIRST) == b"0")
        await always(lambda: cache.get("mail-va") == report())
        assert admin("EXISTS", MAIL) == b"1"


# Another process


async def test_another_process_sees_what_was_put(redis_url: Any) -> None:
    """A report put by one process is the present one of another, evidence and all."""
    async with opened(redis_url.url) as here, opened(redis_url.url) as there:
        here.put(report())
        await eventually(lambda: there.get("mail-va") == report())
        there.put(report(seconds=30))
        await eventually(lambda: here.get("mail-va") == report(seconds=30))


async def test_the_newer_report_wins(redis_url: Any, admin: Admin) -> None:
    """An older report that another process writes is not taken over, and gives way to ours."""
    async with opened(redis_url.url) as here, opened(redis_url.url) as there:
        here.put(report(seconds=30))
        await eventually(lambda: there.get("mail-va") is not None)
        there.put(report(seconds=10))
        await eventually(lambda: there.get("mail-va") == report(seconds=30))
        assert here.get("mail-va") == report(seconds=30)
        await eventually(lambda: admin.value(FIRST)["observedAt"] == "2025-01-12T18:30:30.000Z")


async def test_a_restarted_process_answers_at_once(redis_url: Any) -> None:
    """What was kept in Redis is there when `open` is done, with its own time."""
    async with opened(redis_url.url) as before:
        before.put(report())
        before.put(report("api-1"))
    later = NOW + timedelta(hours=2)
    async with opened(redis_url.url, now=later) as after:
        assert after.get("mail-va") == report()
        assert after.get("api-1") == report("api-1")


async def test_the_last_report_is_written_before_closing(redis_url: Any, admin: Admin) -> None:
    """`close` right after `put` does not lose the report."""
    async with opened(redis_url.url) as cache:
        cache.put(report())
    assert admin.value(FIRST)["queue"] == 3


async def test_a_key_deleted_while_nobody_ran_stays_deleted(redis_url: Any, admin: Admin) -> None:
    """With one of the first mail server's two keys gone, its report is not loaded at the start."""
    async with opened(redis_url.url) as before:
        before.put(report())
    admin("DEL", FIRST)
    async with opened(redis_url.url) as after:
        assert after.get("mail-va") is None
        await eventually(lambda: admin("EXISTS", MAIL) == b"0")


async def test_a_server_that_is_added_finds_its_report(redis_url: Any) -> None:
    """A server that another process watches already is read as soon as it is kept here."""
    async with opened(redis_url.url) as there, opened(redis_url.url, servers=()) as here:
        there.put(report())
        assert here.get("mail-va") is None
        here.keep_only(SERVERS)
        await eventually(lambda: here.get("mail-va") == report())


# A Redis that fails


async def test_without_redis_at_the_start_all_works(redis_url: Any, admin: Admin) -> None:
    """Opening, putting and getting work without a Redis; when it comes, it gets what it missed."""
    redis_url.stop()
    async with opened(redis_url.url, pace=QUICK) as cache:
        assert cache.status().status is Status.UNHEALTHY
        cache.put(report())
        assert cache.get("mail-va") == report()
        redis_url.start()
        await eventually(is_(cache, Status.HEALTHY))
        await eventually(lambda: admin.value(FIRST))
        assert cache.get("mail-va") == report()


async def test_a_redis_that_comes_back_empty_is_filled(redis_url: Any, admin: Admin) -> None:
    """A crash and an empty start are not read as a deletion: every report stays and is written again."""
    async with opened(redis_url.url, pace=QUICK) as cache:
        cache.put(report())
        cache.put(report("api-1"))
        await eventually(lambda: admin("DBSIZE") == b"3")
        redis_url.stop()
        await eventually(is_(cache, Status.UNHEALTHY))
        redis_url.start()
        await eventually(lambda: admin("DBSIZE") == b"3")
        assert cache.get("mail-va") == report()
        assert cache.get("api-1") == report("api-1")


async def test_crashes_under_load_lose_nothing(redis_url: Any, admin: Admin) -> None:
    """Killed and started three times while reports come in, Redis has the last ones in the end."""
    names = [f"mail-{number}" for number in range(50)]
    async with opened(redis_url.url, pace=QUICK, servers=tuple(map(server, names))) as cache:
        second = 0

        async def load() -> None:
            nonlocal second
            while True:
                second += 1
                for name in names:
                    cache.put(report(name, second))
                    assert cache.get(name) == report(name, second)
                await asyncio.sleep(0.002)

        loading = asyncio.create_task(load())
        for _ in range(3):
            await eventually(is_(cache, Status.HEALTHY))
            await asyncio.to_thread(redis_url.stop)
            await eventually(is_(cache, Status.UNHEALTHY))
            await asyncio.to_thread(redis_url.start)
        await eventually(is_(cache, Status.HEALTHY))
        loading.cancel()
        await asyncio.wait([loading])
        assert loading.cancelled()
        await eventually(cache._present.idle.is_set)
        last = {
            admin.value(f"mail:server:health:{name}")["report"]["observed_at"] for name in names
        }
    assert len(last) <= 2
    assert min(datetime.fromisoformat(at) for at in last) >= NOW + timedelta(seconds=second - 1)


async def test_a_redis_that_hangs_delays_nothing(redis_url: Any, admin: Admin) -> None:
    """A stopped process takes connections and answers none: reports stay, and it says so; later it has them."""
    async with opened(redis_url.url, pace=QUICK) as cache:
        cache.put(report())
        await eventually(lambda: admin("EXISTS", MAIL) == b"1")
        pid = admin.pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            cache.put(report(seconds=1))
            await eventually(is_(cache, Status.UNHEALTHY))
            assert cache.status().reason == "no answer in time"
            assert cache.get("mail-va") == report(seconds=1)
        finally:
            os.kill(pid, signal.SIGCONT)
        await eventually(is_(cache, Status.HEALTHY))
        await eventually(lambda: admin.value(FIRST)["observedAt"] == "2025-01-12T18:30:01.000Z")
        assert cache.get("mail-va") == report(seconds=1)


async def test_opening_beside_a_redis_that_hangs_ends(redis_url: Any, admin: Admin) -> None:
    """`open` and `close` come back though Redis answers nothing."""
    pid = admin.pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        async with opened(redis_url.url, pace=QUICK) as cache:
            cache.put(report())
            assert cache.status().reason == "no answer in time"
            assert cache.get("mail-va") == report()
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_wrong_password_is_said_without_the_password(redis_url: Any, admin: Admin) -> None:
    """It is unhealthy with the reason, neither log nor status has the password; the right one works."""
    admin("CONFIG", "SET", "requirepass", "right-one")
    wrong = redis_url.url.replace("//", "//:wr0ng-one@")
    with capture_logs() as logs:
        async with opened(wrong, pace=QUICK) as cache:
            await always(is_(cache, Status.UNHEALTHY))
            assert cache.status().reason == "the user name or password was refused"
            assert "wr0ng-one" not in f"{logs}{cache.status()}{vars(cache)}"
    right = redis_url.url.replace("//", "//:right-one@")
    async with opened(right, pace=QUICK) as cache:
        assert cache.status().status is Status.HEALTHY


async def test_the_log_has_a_line_for_each_change(redis_url: Any) -> None:
    """Many tries in vain are one line; so is the return."""
    redis_url.stop()
    with capture_logs() as logs:
        async with opened(redis_url.url, pace=QUICK) as cache:
            await eventually(lambda: cache._tries >= 5)
            redis_url.start()
            await eventually(is_(cache, Status.HEALTHY))
    assert [line["event"] for line in logs] == [
        "redis does not answer, served from memory",
        "redis answers",
    ]


async def test_a_full_redis_is_unhealthy_and_harmless(redis_url: Any, admin: Admin) -> None:
    """A Redis that takes no writes is said to be unhealthy in its own words, once; memory goes on."""
    admin("CONFIG", "SET", "maxmemory", "1")
    with capture_logs() as logs:
        async with opened(redis_url.url, pace=QUICK) as cache:
            cache.put(report())
            await eventually(is_(cache, Status.UNHEALTHY))
            assert "maxmemory" in (cache.status().reason or "")
            await always(is_(cache, Status.UNHEALTHY), turns=60)
            assert cache.get("mail-va") == report()
            admin("CONFIG", "SET", "maxmemory", "0")
            await eventually(lambda: admin.value(FIRST))
    assert sum(line["log_level"] == "warning" for line in logs) == 1


async def test_a_redis_where_nothing_happens_is_not_given_up(redis_url: Any) -> None:
    """Silence on the connection that hears is no fault: it is asked whether it still lives."""
    calm = Pace(limit=2.0, look=0.05)
    with capture_logs() as logs:
        async with opened(redis_url.url, pace=calm) as cache:
            await always(is_(cache, Status.HEALTHY), turns=300)
    assert [line["event"] for line in logs] == ["redis answers"]


async def test_its_response_time_is_known(redis_url: Any) -> None:
    """A Redis that answers is healthy with the seconds of a round trip."""
    async with opened(redis_url.url) as cache:
        seconds = cache.status().response_seconds
    assert seconds is not None
    assert 0 < seconds < 2


# What else may stand under our keys

GARBAGE = {
    "no JSON": b"\x00\xff not json",
    "nothing of ours": b'{"status": "healthy"}',
    "another format": b'{"format": 2, "report": {"server": "mail-va"}}',
    "wrong types": b'{"format": 1, "report": {"server": 7, "status": "fine"}}',
    "far too deep": b'{"format": 1, "report": ' + b"[" * 50_000,
    "far too long": b"x" * 600_000,
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
async def test_garbage_is_ignored(redis_url: Any, admin: Admin, garbage: bytes) -> None:
    """A value that is not ours changes no report, and the next report replaces it."""
    admin("SET", MAIL, given=garbage)
    admin("SET", FIRST, given=garbage)
    async with opened(redis_url.url) as cache:
        assert cache.get("mail-va") is None
        cache.put(report())
        await eventually(lambda: b"observedAt" in admin("GET", FIRST))
        admin("SET", MAIL, given=garbage)
        await always(lambda: cache.get("mail-va") == report())
        cache.put(report(seconds=1))
        await eventually(lambda: b"observedAt" in admin("GET", MAIL))
        assert cache.status().status is Status.HEALTHY


async def test_a_key_of_another_type_is_replaced(redis_url: Any, admin: Admin) -> None:
    """A list under our key is no crash; the next report replaces it."""
    admin("RPUSH", MAIL, "a", "b")
    async with opened(redis_url.url) as cache:
        assert cache.get("mail-va") is None
        cache.put(report())
        await eventually(lambda: admin("TYPE", MAIL) == b"string")
        assert cache.status().status is Status.HEALTHY


async def test_two_versions_do_not_fight(redis_url: Any, admin: Admin) -> None:
    """What another version writes under our key stays there until our next report."""
    async with opened(redis_url.url) as cache:
        cache.put(report())
        await eventually(lambda: admin("EXISTS", MAIL) == b"1")
        admin("SET", MAIL, '{"format": 2}')
        await always(lambda: admin("GET", MAIL) == b'{"format": 2}')
        assert cache.get("mail-va") == report()


async def test_other_keys_with_our_prefix_are_left_alone(redis_url: Any, admin: Admin) -> None:
    """A key of nobody's server is neither read nor deleted."""
    async with opened(redis_url.url) as cache:
        cache.put(report())
        admin("SET", "mail:server:health:stranger", "x")
        admin("SET", "mail:server:healthy", "x")
        admin("DEL", "mail:server:healthy")
        await always(lambda: cache.get("mail-va") == report())
    assert admin("GET", "mail:server:health:stranger") == b"x"


# A Redis that does not tell us of changes


@pytest.fixture
def deaf_url(redis_url: Any, admin: Admin) -> str:
    """A user that may not use CLIENT, as at many providers."""
    admin("ACL", "SETUSER", "poor", "on", ">pw", "~*", "&*", "+@all", "-client")
    return str(redis_url.url.replace("//", "//poor:pw@"))


async def test_deletions_are_noticed_by_looking(deaf_url: str, admin: Admin) -> None:
    """Where tracking is not allowed, a deleted key is found by looking."""
    async with opened(deaf_url, pace=QUICK) as cache:
        cache.put(report())
        cache.put(report("api-1"))
        await eventually(lambda: admin("DBSIZE") == b"3")
        admin("DEL", FIRST)
        await eventually(lambda: cache.get("mail-va") is None)
        assert cache.get("api-1") == report("api-1")


async def test_writes_of_others_are_noticed_by_looking(deaf_url: str) -> None:
    """Where tracking is not allowed, another process's report is found by looking."""
    async with opened(deaf_url, pace=QUICK) as here, opened(deaf_url, pace=QUICK) as there:
        here.put(report())
        await eventually(lambda: there.get("mail-va") == report())
        here.put(report(seconds=1))
        await eventually(lambda: there.get("mail-va") == report(seconds=1))
