"""Rows of somebody else's database: read only, within a time limit, each query one time for all servers.

PostgreSQL by asyncpg, SQLite by the standard library in a thread.
"""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from mailvane.core.ports import Clock, Responses
from mailvane.core.request import Request, SqlQuery
from mailvane.core.response import Answered, Reason, Unanswered
from mailvane.core.secret import Secret
from mailvane.core.server import Server
from mailvane.transports.postgres import PostgresSource

ROWS_MOST = 1_000
KEPT_MOST = 1_000

Rows = tuple[dict[str, Any], ...]
Outcome = Answered[Rows] | Unanswered


class Source(Protocol):
    """A database that answers queries; raises nothing for a failure."""

    async def rows(self, query: SqlQuery, most: int) -> Sequence[dict[str, Any]] | Unanswered:
        """At most so many rows, within the query's time limit."""
        ...

    async def close(self) -> None:
        """No connection is open."""
        ...


@dataclass(slots=True)
class _Asked:
    """A query that is under way or was answered."""

    task: asyncio.Task[Outcome]
    until: float
    """Until when others share the answer, on the monotonic clock."""


class SqlTransport:
    """Asks databases; servers that ask the same share one answer while it is young enough."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sources: dict[Secret, Source] = {}
        self._asked: dict[SqlQuery, _Asked] = {}

    async def send(self, server: Server, requests: Sequence[Request[Any]]) -> Responses:
        """A response for every query."""
        del server
        queries = [request for request in requests if isinstance(request, SqlQuery)]
        outcomes = await asyncio.gather(*(self._shared(query) for query in queries))
        return dict(zip(queries, outcomes, strict=True))

    async def forget(self, name: str) -> None:
        """Nothing belongs to one server."""

    async def close(self) -> None:
        """No query runs and no connection is open."""
        for asked in self._asked.values():
            asked.task.cancel()
        if self._asked:
            await asyncio.wait([asked.task for asked in self._asked.values()])
        for source in self._sources.values():
            await source.close()
        self._asked.clear()
        self._sources.clear()

    async def _shared(self, query: SqlQuery) -> Outcome:
        asked = self._asked.get(query)
        if asked is None or (asked.task.done() and time.monotonic() >= asked.until):
            self._forget_old()
            task = asyncio.create_task(self._ask(query), name="sql query")
            asked = self._asked[query] = _Asked(task, time.monotonic() + query.keep_seconds)
        return await asyncio.shield(asked.task)

    def _forget_old(self) -> None:
        if len(self._asked) >= KEPT_MOST:
            now = time.monotonic()
            done = [
                q for q, asked in self._asked.items() if asked.task.done() and now >= asked.until
            ]
            for query in done:
                del self._asked[query]

    async def _ask(self, query: SqlQuery) -> Outcome:
        found = await self._source(query.database).rows(query, ROWS_MOST)
        if isinstance(found, Unanswered):
            return found
        return Answered(tuple(_plain(row) for row in found), self._clock())

    def _source(self, database: Secret) -> Source:
        if database not in self._sources:
            sqlite = database.reveal().startswith("sqlite:")
            self._sources[database] = SqliteSource(database) if sqlite else PostgresSource(database)
        return self._sources[database]


class SqliteSource:
    """A SQLite file, opened for each query and never written to."""

    def __init__(self, database: Secret) -> None:
        self._path = urlsplit(database.reveal()).path.removeprefix("/")

    async def rows(self, query: SqlQuery, most: int) -> Sequence[dict[str, Any]] | Unanswered:
        """At most so many rows; a query over its time is interrupted."""
        return await asyncio.to_thread(self._rows, query, most)

    async def close(self) -> None:
        """Nothing stays open between queries."""

    def _rows(self, query: SqlQuery, most: int) -> list[dict[str, Any]] | Unanswered:
        end = time.monotonic() + query.timeout_seconds
        try:
            with closing(self._connect(query.timeout_seconds)) as connection:
                connection.set_progress_handler(lambda: time.monotonic() > end, 10_000)
                found = connection.execute(query.text, dict(query.parameters))
                names = [column[0] for column in found.description]
                return [dict(zip(names, row, strict=True)) for row in found.fetchmany(most)]
        except sqlite3.Error as error:
            return self._failed(error, query.timeout_seconds)

    def _connect(self, seconds: float) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{quote(self._path)}?mode=ro", uri=True, timeout=seconds)

    def _failed(self, error: sqlite3.Error, seconds: float) -> Unanswered:
        said = str(error)
        if said == "interrupted":
            return Unanswered(Reason.TIMEOUT, f"SQLite did not answer within {seconds:g} s")
        if "no such table" in said or "no such column" in said:
            fix = "set `delivery` to the table and columns that are there"
            return Unanswered(Reason.NOT_FOUND, f"{self._path}: {said}", fix)
        if "unable to open" in said:
            fix = f"ls -l {self._path}, and let the user that runs Mailvane read it"
            return Unanswered(Reason.NOT_FOUND, f"cannot open {self._path}", fix)
        return Unanswered(Reason.PROTOCOL, f"{self._path}: {said}")


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: float(v) if isinstance(v, Decimal) else v for name, v in row.items()}
