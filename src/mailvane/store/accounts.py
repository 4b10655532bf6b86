"""Accounts over a database, and the first of them."""

import secrets
from datetime import timedelta

from mailvane.core.accounts import SESSION_LIFE, Accounts, Role
from mailvane.core.errors import AccountRefused
from mailvane.core.ports import Clock
from mailvane.store.database import Database
from mailvane.store.passwords import Passwords
from mailvane.store.sessions import SqlSessions
from mailvane.store.tokens import SqlApiTokens
from mailvane.store.users import SqlUsers

FIRST_ADMIN = "admin"
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that are mistaken for each other."""


def sql_accounts(
    database: Database,
    clock: Clock,
    passwords: Passwords | None = None,
    session_life: timedelta = SESSION_LIFE,
) -> Accounts:
    """Users, sessions and tokens that are kept in the database."""
    return Accounts(
        users=SqlUsers(database, passwords or Passwords(), clock),
        sessions=SqlSessions(database, clock, session_life),
        tokens=SqlApiTokens(database, clock),
    )


async def first_admin(accounts: Accounts) -> str | None:
    """There is at least one user; when there was none, the password of the admin who was made."""
    if await accounts.users.all():
        return None
    password = "-".join(_word() for _ in range(4))
    try:
        await accounts.users.add(FIRST_ADMIN, password, Role.ADMIN)
    except AccountRefused:
        return None  # another process was quicker
    return password


def _word() -> str:
    """Five letters; four words of them have 99 random bits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(5))
