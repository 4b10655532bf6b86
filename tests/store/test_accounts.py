"""The first admin, and what the database keeps of secrets."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailvane.core.accounts import Accounts, Role
from mailvane.core.secret import Secret
from mailvane.store.accounts import first_admin, sql_accounts
from mailvane.store.database import Database
from mailvane.store.passwords import Passwords

CHEAP = 8


def _clock() -> datetime:
    return datetime(2025, 1, 12, 18, 30, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A SQLite database with its tables."""
    database = Database(Secret(f"sqlite:///{tmp_path}/store.db"))
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def accounts(database: Database) -> Accounts:
    """Nobody yet."""
    return sql_accounts(database, _clock, Passwords(memory_kib=CHEAP))


async def test_the_first_start_makes_an_admin(accounts: Accounts) -> None:
    """With nobody there, admin exists and can log in with the password that is returned."""
    password = await first_admin(accounts)
    assert password
    user = await accounts.users.authenticate("admin", password)
    assert user
    assert user.role is Role.ADMIN


async def test_the_second_start_makes_none(accounts: Accounts) -> None:
    """With any user there, nothing is made and nothing returned."""
    await accounts.users.add("kim", "correct horse battery", Role.VIEWER)
    assert await first_admin(accounts) is None
    assert len(await accounts.users.all()) == 1


async def test_two_starts_at_once_make_one_admin(accounts: Accounts) -> None:
    """One of them gets the password."""
    both = await asyncio.gather(first_admin(accounts), first_admin(accounts))
    assert sum(password is not None for password in both) == 1


async def test_no_password_is_like_another(tmp_path: Path) -> None:
    """Every first admin gets a password of four words of five letters."""
    made = []
    for number in range(3):
        database = Database(Secret(f"sqlite:///{tmp_path}/{number}.db"))
        await database.open()
        made.append(await first_admin(sql_accounts(database, _clock, Passwords(CHEAP))))
        await database.close()
    assert len(set(made)) == 3
    assert all(password and [len(w) for w in password.split("-")] == [5] * 4 for password in made)


async def test_no_secret_lies_in_the_file(
    accounts: Accounts, database: Database, tmp_path: Path
) -> None:
    """Password, refresh token and API token are nowhere in the database, in clear."""
    kim = await accounts.users.add("kim", "correct horse battery", Role.VIEWER)
    session = await accounts.sessions.open(kim)
    _, text = await accounts.tokens.add("grafana", Role.VIEWER, created_by="kim")
    await database.close()
    kept = (tmp_path / "store.db").read_bytes()
    assert b"grafana" in kept
    for secret in ("correct horse battery", session.refresh_token.reveal(), text.reveal()):
        assert secret.encode() not in kept
        assert secret.rpartition("_")[2].encode() not in kept


async def test_a_hash_of_a_lower_cost_is_replaced_at_login(database: Database) -> None:
    """Who logs in with the right password gets today's cost; his tokens stay valid."""
    cheap = sql_accounts(database, _clock, Passwords(memory_kib=CHEAP))
    dear = sql_accounts(database, _clock, Passwords(memory_kib=16))
    kim = await cheap.users.add("kim", "correct horse battery", Role.VIEWER)
    assert await dear.users.authenticate("kim", "correct horse battery") == kim
    async with database.reading() as connection:
        kept = (await connection.exec_driver_sql("SELECT password_hash FROM users")).scalar_one()
    assert "$m=16," in kept
    assert await dear.users.authenticate("kim", "correct horse battery") == kim
