"""A PostgreSQL that is not ours: few connections, read only, every statement within a limit."""

import asyncio
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from mailvane.core.request import SqlQuery
from mailvane.core.response import Reason, Unanswered
from mailvane.core.secret import Secret

CONNECTIONS = 2
CONNECT_SECONDS = 5.0
CLOSE_SECONDS = 3.0
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")


class PostgresSource:
    """A database under a URL, connected to when it is first asked."""

    def __init__(self, database: Secret) -> None:
        parts = urlsplit(database.reveal())
        self._url = parts._replace(scheme="postgresql").geturl()
        self._where = f"{parts.hostname or 'localhost'}:{parts.port or 5432}{parts.path}"
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    async def rows(self, query: SqlQuery, most: int) -> Sequence[dict[str, Any]] | Unanswered:
        """At most so many rows, within the query's time limit."""
        text, values = positional(query)
        try:
            async with asyncio.timeout(query.timeout_seconds):
                pool = await self._connected()
                async with pool.acquire() as connection, connection.transaction(readonly=True):
                    cursor = await connection.cursor(text, *values)
                    return [dict(row) for row in await cursor.fetch(most)]
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            return self._failed(error, query.timeout_seconds)

    async def close(self) -> None:
        """No connection is open."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await pool.close()
        except TimeoutError:
            pool.terminate()

    async def _connected(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=0,
                    max_size=CONNECTIONS,
                    timeout=CONNECT_SECONDS,
                    statement_cache_size=0,  # a pooler such as pgbouncer may stand in between
                    server_settings={"application_name": "mailvane"},
                )
            return self._pool

    def _failed(self, error: Exception, seconds: float) -> Unanswered:
        """The reason and what to do; nothing of the URL but host, port and name."""
        at = f"PostgreSQL at {self._where}"
        if isinstance(error, TimeoutError):
            return Unanswered(Reason.TIMEOUT, f"{at} did not answer within {seconds:g} s")
        if isinstance(error, OSError):
            said = error.strerror or "no connection"
            mend = "start it, or mend the URL in `delivery.database`"
            return Unanswered(Reason.REFUSED, f"{at} cannot be reached: {said}", mend)
        reason, fix = next((m for kind, m in _MEANINGS if isinstance(error, kind)), _NO_MEANING)
        said = "the login was refused" if reason is Reason.AUTH else str(error)[:200]
        return Unanswered(reason, f"{at}: {said}", fix)


_MEANINGS: tuple[tuple[type[Exception], tuple[Reason, str | None]], ...] = (
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        (Reason.AUTH, "give `delivery.database` a user and password that it knows"),
    ),
    (
        asyncpg.InsufficientPrivilegeError,
        (Reason.NOT_PERMITTED, "GRANT SELECT ON the table TO the user of `delivery.database`"),
    ),
    (
        asyncpg.UndefinedTableError,
        (Reason.NOT_FOUND, "name the table that is there: `delivery.table`"),
    ),
    (
        asyncpg.UndefinedColumnError,
        (Reason.NOT_FOUND, "name the columns that are there: `delivery.columns`"),
    ),
    (asyncpg.InvalidCatalogNameError, (Reason.NOT_FOUND, "name a database that is there")),
    (asyncpg.QueryCanceledError, (Reason.TIMEOUT, None)),
)
_NO_MEANING = (Reason.PROTOCOL, None)


def positional(query: SqlQuery) -> tuple[str, list[Any]]:
    """The text with $1, $2, … instead of names, and the values in that order."""
    values = dict(query.parameters)
    order: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match[1]
        if name not in order:
            order.append(name)
        return f"${order.index(name) + 1}"

    return _PARAMETER.sub(number, query.text), [values[name] for name in order]
