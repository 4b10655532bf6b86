"""Users in the database."""

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from mailvane.core.accounts import Role, User, folded, name_problem, password_problem
from mailvane.core.errors import AccountRefused
from mailvane.core.ports import Clock
from mailvane.store.database import Database
from mailvane.store.migrate import alone
from mailvane.store.passwords import Passwords
from mailvane.store.tables import sessions, users

USER_COLUMNS = (
    users.c.id,
    users.c.name,
    users.c.role,
    users.c.version,
    users.c.disabled,
    users.c.created_at,
)


class SqlUsers:
    """The port Users over a database."""

    def __init__(self, database: Database, passwords: Passwords, clock: Clock) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = clock

    async def all(self) -> Sequence[User]:
        """Every user, by name."""
        async with self._database.reading() as connection:
            rows = await connection.execute(select(*USER_COLUMNS).order_by(users.c.name))
            return [user_of(row) for row in rows]

    async def find(self, name: str) -> User | None:
        """The user of that name."""
        async with self._database.reading() as connection:
            return await _find(connection, name)

    async def add(self, name: str, password: str, role: Role) -> User:
        """The user exists."""
        refuse(name_problem(name) or password_problem(name, password))
        user = User(secrets.token_hex(16), folded(name), role, 1, False, self._clock())
        kept = await self._passwords.hash(password)
        try:
            async with self._database.writing() as connection:
                await connection.execute(
                    insert(users).values(
                        id=user.id,
                        name=user.name,
                        role=role.value,
                        password_hash=kept,
                        version=user.version,
                        disabled=user.disabled,
                        created_at=user.created_at,
                    )
                )
        except IntegrityError as error:
            raise AccountRefused(f"there is already a user {user.name!r}") from error
        return user

    async def authenticate(self, name: str, password: str) -> User | None:
        """The user whose name and password these are; unknown, wrong and disabled take as long."""
        async with self._database.reading() as connection:
            asked = select(*USER_COLUMNS, users.c.password_hash)
            found = await connection.execute(asked.where(users.c.name == folded(name)))
            row = found.one_or_none()
        right, renewed = await self._passwords.verify(password, row and row.password_hash)
        if row is None or not right or row.disabled:
            return None
        if renewed:
            await self._keep_hash(row, renewed)
        return user_of(row)

    async def set_password(self, name: str, password: str) -> User:
        """The password is the new one; all sessions and older access tokens are void."""
        refuse(password_problem(name, password))
        kept = await self._passwords.hash(password)
        async with self._database.writing() as connection:
            user = await _known(connection, name)
            return await _change(connection, user, password_hash=kept)

    async def set_role(self, name: str, role: Role) -> User:
        """The role is the new one; older access tokens are void. The last admin stays one."""
        async with self._database.writing() as connection:
            user = await _known(connection, name)
            if role is not Role.ADMIN:
                await _refuse_last_admin(connection, user)
            return await _change(connection, user, role=role.value)

    async def set_disabled(self, name: str, *, disabled: bool) -> User:
        """A disabled user can do nothing; sessions and tokens are void. The last admin stays able."""
        async with self._database.writing() as connection:
            user = await _known(connection, name)
            if disabled:
                await _refuse_last_admin(connection, user)
            return await _change(connection, user, disabled=disabled)

    async def remove(self, name: str) -> None:
        """The user is gone with all sessions. The last admin stays."""
        async with self._database.writing() as connection:
            user = await _known(connection, name)
            await _refuse_last_admin(connection, user)
            await connection.execute(delete(users).where(users.c.id == user.id))

    async def _keep_hash(self, row: Any, kept: str) -> None:
        """The hash of a higher cost is kept, unless the password was changed meanwhile."""
        same = (users.c.id == row.id) & (users.c.password_hash == row.password_hash)
        async with self._database.writing() as connection:
            await connection.execute(update(users).where(same).values(password_hash=kept))


def user_of(row: Any) -> User:
    """The user in a row that has the USER_COLUMNS."""
    return User(row.id, row.name, Role(row.role), row.version, row.disabled, row.created_at)


def refuse(problem: str | None) -> None:
    """Raises AccountRefused when there is a problem."""
    if problem:
        raise AccountRefused(problem)


async def void_tokens(connection: AsyncConnection, user_id: str) -> None:
    """No session and no access token of the user is good for anything any more."""
    await connection.execute(delete(sessions).where(sessions.c.user_id == user_id))
    await connection.execute(
        update(users).where(users.c.id == user_id).values(version=users.c.version + 1)
    )


async def _find(connection: AsyncConnection, name: str) -> User | None:
    found = await connection.execute(select(*USER_COLUMNS).where(users.c.name == folded(name)))
    row = found.one_or_none()
    return user_of(row) if row else None


async def _known(connection: AsyncConnection, name: str) -> User:
    user = await _find(connection, name)
    if user is None:
        raise AccountRefused(f"there is no user {folded(name)!r}")
    return user


async def _change(connection: AsyncConnection, user: User, **values: Any) -> User:
    await connection.execute(update(users).where(users.c.id == user.id).values(**values))
    await void_tokens(connection, user.id)
    return await _known(connection, user.name)


async def _refuse_last_admin(connection: AsyncConnection, user: User) -> None:
    """Raises AccountRefused when nobody else could administer; nobody else decides that meanwhile."""
    await connection.run_sync(alone)
    other = (users.c.role == Role.ADMIN.value) & ~users.c.disabled & (users.c.id != user.id)
    others = await connection.scalar(select(func.count()).select_from(users).where(other))
    if user.role is Role.ADMIN and not user.disabled and not others:
        raise AccountRefused(f"{user.name!r} is the last admin: make somebody else admin first")
