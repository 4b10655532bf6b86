"""API tokens in the database."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from mailvane.core.accounts import API_TOKEN_MARK, ApiToken, Role, folded, name_problem
from mailvane.core.errors import AccountRefused
from mailvane.core.ports import Clock
from mailvane.core.secret import Secret
from mailvane.store import handles
from mailvane.store.database import Database
from mailvane.store.tables import api_tokens
from mailvane.store.users import refuse

USE_NOTED_EVERY = timedelta(minutes=1)


class SqlApiTokens:
    """The port ApiTokens over a database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def all(self) -> Sequence[ApiToken]:
        """Every token, revoked ones too, by name."""
        async with self._database.reading() as connection:
            rows = await connection.execute(select(api_tokens).order_by(api_tokens.c.name))
            return [_token(row) for row in rows]

    async def add(
        self, name: str, role: Role, *, created_by: str, expires_at: datetime | None = None
    ) -> tuple[ApiToken, Secret]:
        """The token and what to present; a void token of the same name makes room for it."""
        refuse(name_problem(name))
        now = self._clock()
        token, handle = made(name, role, created_by, now, expires_at)
        same_name = api_tokens.c.name == token.name
        void = api_tokens.c.revoked_at.is_not(None) | (api_tokens.c.expires_at <= now)
        try:
            async with self._database.writing() as connection:
                await connection.execute(delete(api_tokens).where(same_name, void))
                await connection.execute(
                    insert(api_tokens).values(**_row(token), token_hash=handle.digest)
                )
        except IntegrityError as error:
            raise AccountRefused(f"there is already a token {token.name!r}") from error
        return token, handle.text

    async def revoke(self, name: str) -> ApiToken:
        """The token is void."""
        named = api_tokens.c.name == folded(name)
        async with self._database.writing() as connection:
            await connection.execute(
                update(api_tokens)
                .where(named, api_tokens.c.revoked_at.is_(None))
                .values(revoked_at=self._clock())
            )
            row = (await connection.execute(select(api_tokens).where(named))).one_or_none()
        if row is None:
            raise AccountRefused(f"there is no token {folded(name)!r}")
        return _token(row)

    async def verify(self, presented: str) -> ApiToken | None:
        """The valid token that was presented; its last use is noted."""
        token_id = handles.id_in(API_TOKEN_MARK, presented)
        if token_id is None:
            return None
        this = api_tokens.c.id == token_id
        async with self._database.reading() as connection:
            row = (await connection.execute(select(api_tokens).where(this))).one_or_none()
        if row is None or not handles.same(presented, row.token_hash):
            return None
        token, now = _token(row), self._clock()
        if not token.valid_at(now):
            return None
        if token.last_used_at is None or now - token.last_used_at >= USE_NOTED_EVERY:
            async with self._database.writing() as connection:
                await connection.execute(update(api_tokens).where(this).values(last_used_at=now))
        return token


def made(
    name: str, role: Role, created_by: str, now: datetime, expires_at: datetime | None
) -> tuple[ApiToken, handles.Handle]:
    """A new token and its handle, kept nowhere yet."""
    handle = handles.make(API_TOKEN_MARK, secrets.token_hex(8))
    token = ApiToken(
        id=handle.id,
        name=folded(name),
        role=role,
        created_by=created_by,
        created_at=now,
        expires_at=expires_at,
        last_used_at=None,
        revoked_at=None,
    )
    return token, handle


def _row(token: ApiToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role.value,
        "created_by": token.created_by,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
    }


def _token(row: Row[Any]) -> ApiToken:
    return ApiToken(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
