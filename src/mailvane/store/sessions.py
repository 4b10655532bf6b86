"""Sessions in the database: one row each, with the hash of the one token that renews it."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mailvane.core.accounts import (
    REFRESH_TOKEN_MARK,
    SESSION_IDLE,
    SESSION_LIFE,
    Session,
    User,
)
from mailvane.core.ports import Clock
from mailvane.store import handles
from mailvane.store.database import Database
from mailvane.store.tables import sessions, users
from mailvane.store.users import USER_COLUMNS, user_of, void_tokens

SESSIONS_MAX = 20
"""So many logins of one user go on at a time; the oldest end."""


class SqlSessions:
    """The port Sessions over a database."""

    def __init__(self, database: Database, clock: Clock, life: timedelta = SESSION_LIFE) -> None:
        self._database = database
        self._clock = clock
        self._life = life

    async def open(self, user: User) -> Session:
        """A new session; the user's oldest ones end when there are too many."""
        now = self._clock()
        handle = handles.make(REFRESH_TOKEN_MARK, secrets.token_hex(16))
        expires_at = session_end(now, now, self._life)
        async with self._database.writing() as connection:
            await connection.execute(delete(sessions).where(sessions.c.expires_at <= now))
            await _end_oldest(connection, user.id, keep=SESSIONS_MAX - 1)
            await connection.execute(
                insert(sessions).values(
                    id=handle.id,
                    user_id=user.id,
                    token_hash=handle.digest,
                    created_at=now,
                    renewed_at=now,
                    expires_at=expires_at,
                )
            )
        return Session(handle.id, user, expires_at, handle.text)

    async def renew(self, refresh_token: str) -> Session | None:
        """The session with a new refresh token; a token that was renewed before ends its session."""
        session_id = handles.id_in(REFRESH_TOKEN_MARK, refresh_token)
        if session_id is None:
            return None
        now = self._clock()
        handle = handles.make(REFRESH_TOKEN_MARK, session_id)
        async with self._database.writing() as connection:
            created_at = await connection.scalar(
                select(sessions.c.created_at).where(sessions.c.id == session_id)
            )
            user = await _user(connection, session_id, now)
            if created_at is None or user is None:
                return None
            expires_at = session_end(created_at, now, self._life)
            current = sessions.c.token_hash == handles.digest(refresh_token)
            renewed = await connection.execute(
                update(sessions)
                .where(sessions.c.id == session_id, current)
                .values(token_hash=handle.digest, renewed_at=now, expires_at=expires_at)
            )
            if renewed.rowcount == 1:
                return Session(session_id, user, expires_at, handle.text)
            await connection.execute(delete(sessions).where(sessions.c.id == session_id))
        return None

    async def close(self, session_id: str) -> None:
        """The session is over; one that is not there is no error."""
        async with self._database.writing() as connection:
            await connection.execute(delete(sessions).where(sessions.c.id == session_id))

    async def close_by_token(self, refresh_token: str) -> None:
        """The session of that refresh token is over; an unknown token is no error."""
        session_id = handles.id_in(REFRESH_TOKEN_MARK, refresh_token)
        if session_id is not None:
            await self.close(session_id)

    async def close_all(self, user_id: str) -> None:
        """Every session and every access token of the user is void."""
        async with self._database.writing() as connection:
            await void_tokens(connection, user_id)

    async def standing(self, session_id: str) -> User | None:
        """The user as he is now, if the session still goes on and he is not disabled."""
        async with self._database.reading() as connection:
            return await _user(connection, session_id, self._clock())


def session_end(created_at: datetime, now: datetime, life: timedelta) -> datetime:
    """When a session that was used now is over."""
    return min(created_at + life, now + SESSION_IDLE)


async def _user(connection: AsyncConnection, session_id: str, now: datetime) -> User | None:
    found = await connection.execute(
        select(*USER_COLUMNS)
        .join(sessions, sessions.c.user_id == users.c.id)
        .where(sessions.c.id == session_id, sessions.c.expires_at > now, ~users.c.disabled)
    )
    row = found.one_or_none()
    return user_of(row) if row else None


async def _end_oldest(connection: AsyncConnection, user_id: str, keep: int) -> None:
    mine = sessions.c.user_id == user_id
    newest = select(sessions.c.id).where(mine).order_by(sessions.c.renewed_at.desc()).limit(keep)
    await connection.execute(delete(sessions).where(mine, sessions.c.id.not_in(newest)))
