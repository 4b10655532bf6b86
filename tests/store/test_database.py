"""A database is opened, migrated and asked within limits, whichever it is."""

import asyncio
import socket
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ProgrammingError

from mailvane.core.errors import StoreTooNew, StoreUnavailable
from mailvane.core.secret import Secret
from mailvane.store.database import Database
from mailvane.store.tables import metadata

SECRET = "s3cr3t-canary"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/store.db"
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """A database with its tables."""
    database = Database(Secret(url))
    await database.open()
    yield database
    await database.close()


async def test_an_empty_database_gets_the_tables_as_they_are_declared(database: Database) -> None:
    """What the migrations make differs in nothing from store/tables.py."""

    def differences(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []


async def test_opening_again_changes_nothing(database: Database) -> None:
    """A second start finds all there and keeps what was written."""
    async with database.writing() as connection:
        await connection.execute(
            text(
                "INSERT INTO users (id, name, role, password_hash, version, disabled, created_at)"
                " VALUES ('1', 'kim', 'admin', 'x', 1, false, '2025-01-12 18:30:00')"
            )
        )
    await database.open()
    async with database.reading() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM users")) == 1


async def test_processes_that_start_at_once_migrate_once(url: str) -> None:
    """Four processes open the same empty database; all succeed."""
    script = (
        "import asyncio, sys\n"
        "from mailvane.core.secret import Secret\n"
        "from mailvane.store.database import Database\n"
        "async def main():\n"
        "    database = Database(Secret(sys.argv[1]))\n"
        "    await database.open()\n"
        "    await database.close()\n"
        "asyncio.run(main())\n"
    )
    started = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", script, url), stderr=asyncio.subprocess.PIPE
        )
        for _ in range(4)
    ]
    said = [await process.communicate() for process in started]
    assert [process.returncode for process in started] == [0] * 4, said


async def test_tables_of_a_newer_version_are_left_alone(database: Database, url: str) -> None:
    """A database from the future is refused with a sentence, and stays as it is."""
    async with database.writing() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreTooNew, match="newer Mailvane \\(9999\\)"):
        await database.open()
    async with database.reading() as connection:
        assert await connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


async def test_a_migration_that_fails_leaves_nothing_behind(url: str) -> None:
    """A table in the way stops the first step; no other table is there afterwards."""
    database = Database(Secret(url))
    async with database.writing() as connection:
        await connection.execute(text("CREATE TABLE api_tokens (id integer)"))
    with pytest.raises((StoreUnavailable, ProgrammingError), match="api_tokens"):
        await database.open()
    async with database.writing() as connection:
        await connection.execute(text("DROP TABLE api_tokens"))
    await database.open()
    await database.close()


async def test_what_is_half_written_is_not_kept(database: Database) -> None:
    """An error inside a transaction undoes all of it."""

    async def write_and_fail() -> None:
        async with database.writing() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = 'x'"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await write_and_fail()
    async with database.reading() as connection:
        assert await connection.scalar(text("SELECT version_num FROM alembic_version")) == "0001"


async def test_a_ping_says_how_long_it_took(database: Database) -> None:
    """A time in seconds, above zero and below the limit."""
    assert 0 < await database.ping() < 4


async def test_a_new_sqlite_file_is_ours_alone(tmp_path: Path) -> None:
    """Folder 0700 and file 0600, since password hashes are in it; neither is there before it is needed."""
    database = Database(Secret(f"sqlite:///{tmp_path}/state/store.db"))
    assert not (tmp_path / "state").exists()
    await database.open()
    await database.close()
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "state" / "store.db").stat().st_mode) == 0o600


async def test_a_locked_sqlite_file_is_away_within_the_limit(tmp_path: Path) -> None:
    """While another process writes for long, writers are told so; afterwards all is well."""
    path = tmp_path / "store.db"
    database = Database(Secret(f"sqlite:///{path}"), limit_seconds=0.2)
    await database.open()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        async with database.writing():
            pass
    other.execute("ROLLBACK")
    other.close()
    async with database.writing() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    await database.close()


async def test_a_sqlite_file_in_a_missing_place_is_said() -> None:
    """A path below a file cannot be: the first question says so; who asks nothing needs no place."""
    database = Database(Secret("sqlite:////dev/null/store.db"))
    for asked in (database.open(), database.ping()):
        with pytest.raises(StoreUnavailable, match="/dev/null"):
            await asked
    await database.close()


async def test_a_closed_port_is_away_without_telling_the_password() -> None:
    """StoreUnavailable says why in one line that holds no secret."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    database = Database(Secret(f"postgres://kim:{SECRET}@127.0.0.1:{port}/x"))
    with pytest.raises(StoreUnavailable) as caught:
        await database.ping()
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)
    await database.close()


async def test_a_wrong_password_is_away_without_telling_it(postgres_url: str) -> None:
    """PostgreSQL's refusal arrives as StoreUnavailable."""
    scheme, _, rest = postgres_url.partition("://")
    database = Database(Secret(f"{scheme}://mailvane:{SECRET}@{rest.partition('@')[2]}"))
    with pytest.raises(StoreUnavailable, match="password authentication failed") as caught:
        await database.ping()
    assert SECRET not in str(caught.value)
    await database.close()


async def test_a_database_that_accepts_and_says_nothing_is_away_within_the_limit() -> None:
    """A silent listener costs the time limit, not more."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        database = Database(Secret(f"postgresql://kim:x@127.0.0.1:{port}/x"), limit_seconds=0.2)
        with pytest.raises(StoreUnavailable, match="within"):
            await database.ping()
        await database.close()


async def test_postgresql_that_comes_back_is_used_again(postgres: Any) -> None:
    """After a restart the next question is answered, without a restart of ours."""
    database = Database(Secret(postgres.url()))
    await database.ping()
    postgres.stop()
    with pytest.raises(StoreUnavailable):
        await database.ping()
    postgres.start()
    assert await database.ping() > 0
    await database.close()


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("postgres://u:p@h/d", "postgresql"),
        ("postgresql://u:p@h/d?sslmode=require", "postgresql"),
        ("postgresql+asyncpg://u:p@h/d", "postgresql"),
    ],
)
def test_every_spelling_of_postgresql_is_known(url: str, kind: str) -> None:
    """The short one, the long one, and the one with a driver."""
    assert Database(Secret(url)).kind == kind


@pytest.mark.parametrize("url", ["mysql://u:p@h/d", "store.db", ""])
def test_another_database_is_refused_without_telling_the_password(url: str) -> None:
    """The message names the scheme and what was expected."""
    with pytest.raises(ValueError, match="expected sqlite") as caught:
        Database(Secret(url))
    assert "p@h" not in str(caught.value)
