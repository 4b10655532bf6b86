"""Rows of a real PostgreSQL and of SQLite files, and why there are none."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from mailvane.core.request import SqlQuery
from mailvane.core.response import Answered, Reason, Unanswered
from mailvane.core.secret import Secret
from mailvane.core.server import Local, Server
from mailvane.transports.postgres import positional
from mailvane.transports.sql import SqlTransport

SERVER = Server(name="here", hostname="localhost", reach=Local())


def now() -> datetime:
    """A clock."""
    return datetime.now(UTC)


@pytest.fixture
async def sql() -> AsyncIterator[SqlTransport]:
    """A transport that is closed again."""
    transport = SqlTransport(now)
    yield transport
    await transport.close()


@pytest.fixture
async def postgres(postgres_database: str) -> str:
    """The URL of a database with a small table."""
    connection = await asyncpg.connect(postgres_database)
    await connection.execute("CREATE TABLE mails (status text, size numeric)")
    await connection.execute("INSERT INTO mails VALUES ('sent', 1.5), ('bounced', 2), ('sent', 3)")
    await connection.close()
    return postgres_database


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    """The URL of a SQLite file with the same table."""
    file = tmp_path / "mails.sqlite3"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE mails (status TEXT, size REAL)")
        connection.execute("INSERT INTO mails VALUES ('sent', 1.5), ('bounced', 2), ('sent', 3)")
    return f"sqlite:///{file}"


@pytest.fixture(params=["postgres", "sqlite"])
def url(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn."""
    found: str = request.getfixturevalue(request.param)
    return found


async def ask(sql: SqlTransport, query: SqlQuery) -> Answered[Any] | Unanswered:
    """The response to one query."""
    return (await sql.send(SERVER, [query]))[query]


async def test_rows_come_as_named_values(sql: SqlTransport, url: str) -> None:
    """Numbers are numbers, and parameters select by value."""
    text = "SELECT status, SUM(size) AS size FROM mails WHERE status = :status GROUP BY status"
    found = await ask(sql, SqlQuery(Secret(url), text, (("status", "sent"),)))
    assert isinstance(found, Answered)
    assert found.value == ({"status": "sent", "size": 4.5},)


async def test_a_hostile_value_is_only_a_value(sql: SqlTransport, url: str) -> None:
    """What stands in a parameter never becomes SQL."""
    text = "SELECT status FROM mails WHERE status = :status"
    found = await ask(sql, SqlQuery(Secret(url), text, (("status", "'; DROP TABLE mails; --"),)))
    assert isinstance(found, Answered)
    assert found.value == ()
    again = await ask(sql, SqlQuery(Secret(url), "SELECT COUNT(*) AS n FROM mails"))
    assert isinstance(again, Answered)
    assert again.value == ({"n": 3},)


async def test_nothing_can_be_written(sql: SqlTransport, url: str) -> None:
    """A statement that writes is refused by the database itself."""
    found = await ask(
        sql, SqlQuery(Secret(url), "DELETE FROM mails WHERE status = 'sent' RETURNING *")
    )
    assert isinstance(found, Unanswered)
    rows = await ask(sql, SqlQuery(Secret(url), "SELECT COUNT(*) AS n FROM mails"))
    assert isinstance(rows, Answered)
    assert rows.value == ({"n": 3},)


@pytest.mark.parametrize("text", ["SELECT 1 FROM absent", "SELECT absent FROM mails"])
async def test_what_is_not_there_is_named(sql: SqlTransport, url: str, text: str) -> None:
    """A missing table or column is not_found, with its name and what to set."""
    found = await ask(sql, SqlQuery(Secret(url), text))
    assert isinstance(found, Unanswered)
    assert found.reason is Reason.NOT_FOUND
    assert "absent" in found.detail
    assert "delivery" in (found.fix or "")


async def test_the_same_query_is_sent_once(sql: SqlTransport, sqlite: str) -> None:
    """A hundred servers that ask the same at once get one answer, and share it while it is young."""
    query = SqlQuery(Secret(sqlite), "SELECT COUNT(*) AS n FROM mails")
    found = await asyncio.gather(*(ask(sql, query) for _ in range(100)))
    later = await ask(sql, query)
    assert len({id(answer) for answer in [*found, later]}) == 1


async def test_an_answer_that_is_too_old_is_not_shared(sql: SqlTransport, sqlite: str) -> None:
    """With nothing to keep, each sweep asks anew."""
    query = SqlQuery(Secret(sqlite), "SELECT COUNT(*) AS n FROM mails", keep_seconds=0)
    first = await ask(sql, query)
    assert await ask(sql, query) is not first


async def test_a_refused_login_shows_no_password(sql: SqlTransport, postgres: str) -> None:
    """The role that is not there is an auth failure; the URL's password is in no text."""
    url = postgres.replace("://", "://nobody-here:canary@", 1) if "@" not in postgres else postgres
    if "@" in postgres:
        _, _, rest = postgres.partition("@")
        url = f"postgresql://nobody-here:canary@{rest}"
    found = await ask(sql, SqlQuery(Secret(url), "SELECT 1"))
    assert isinstance(found, Unanswered)
    assert found.reason is Reason.AUTH
    assert "canary" not in repr(found)


async def test_a_database_that_is_away_is_refused(sql: SqlTransport) -> None:
    """Nobody listens there: refused, with host and port."""
    found = await ask(sql, SqlQuery(Secret("postgresql://u:canary@127.0.0.1:9/x"), "SELECT 1"))
    assert isinstance(found, Unanswered)
    assert found.reason is Reason.REFUSED
    assert "127.0.0.1:9" in found.detail
    assert "canary" not in repr(found)


async def test_a_slow_query_is_ended(sql: SqlTransport, postgres: str) -> None:
    """A query over its time is a timeout, and the next one is answered."""
    slow = SqlQuery(Secret(postgres), "SELECT pg_sleep(60)", timeout_seconds=0.3)
    found = await ask(sql, slow)
    assert isinstance(found, Unanswered)
    assert found.reason is Reason.TIMEOUT
    assert isinstance(await ask(sql, SqlQuery(Secret(postgres), "SELECT 1 AS one")), Answered)


async def test_a_slow_sqlite_query_is_interrupted(sql: SqlTransport, sqlite: str) -> None:
    """Also a thread that computes for ever is ended."""
    text = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n"
    found = await ask(sql, SqlQuery(Secret(sqlite), text, timeout_seconds=0.3))
    assert isinstance(found, Unanswered)
    assert found.reason is Reason.TIMEOUT


async def test_an_absent_file_is_not_made(sql: SqlTransport, tmp_path: Path) -> None:
    """A SQLite file that is not there stays away."""
    found = await ask(sql, SqlQuery(Secret(f"sqlite:///{tmp_path}/none.db"), "SELECT 1"))
    assert isinstance(found, Unanswered)
    assert found.reason is Reason.NOT_FOUND
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240


async def test_rows_have_a_limit(sql: SqlTransport, url: str) -> None:
    """No more than a thousand rows come back, whatever there is."""
    text = "SELECT 1 FROM mails a, mails b, mails c, mails d, mails e, mails f, mails g"
    found = await ask(sql, SqlQuery(Secret(url), text))
    assert isinstance(found, Answered)
    assert len(found.value) == 1_000


def test_names_become_positions() -> None:
    """Each name has one number, and a cast is no name."""
    query = SqlQuery(Secret(""), "a = :x AND b = :y AND c = :x::text", (("x", 1), ("y", 2)))
    assert positional(query) == ("a = $1 AND b = $2 AND c = $1::text", [1, 2])
