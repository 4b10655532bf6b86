"""One database, SQLite or PostgreSQL: opened, migrated, asked within a time limit."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from mailvane.core.errors import StoreUnavailable
from mailvane.core.secret import Secret
from mailvane.store.migrate import upgrade

LIMIT_SECONDS = 4.0
"""No question to the database takes longer; the caller is told that it is away."""
MIGRATION_SECONDS = 120.0
_OUR_MISTAKES = (IntegrityError, ProgrammingError, DataError)


class Database:
    """A database under a URL: `sqlite:///path` or `postgresql://…`.

    What does not answer within the limit raises StoreUnavailable, and can be asked again.
    """

    def __init__(self, url: Secret, limit_seconds: float = LIMIT_SECONDS) -> None:
        self._url = _normal(url.reveal())
        self._limit_seconds = limit_seconds
        self._away: tuple[type[Exception], ...] = (
            *(DBAPIError, PoolExhausted, OSError),
            *_driver_errors(self.kind),
        )

    @cached_property
    def _engine(self) -> AsyncEngine:
        """Made when it is first needed: who only sweeps needs no file for a database."""
        return _engine(self._url, self._limit_seconds)

    @cached_property
    def _writing(self) -> AsyncEngine:
        return self._engine.execution_options(writes=True)

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._url.get_backend_name()

    async def open(self) -> None:
        """The tables are those of this version; whoever else starts now waits for that."""
        async with self._answering(MIGRATION_SECONDS):
            engine = _engine(self._url, MIGRATION_SECONDS)
            try:
                async with engine.execution_options(writes=True).begin() as connection:
                    await connection.run_sync(upgrade)
            finally:
                await engine.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read with."""
        async with self._answering(self._limit_seconds), self._engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: all of what is written in it is kept, or nothing."""
        async with self._answering(self._limit_seconds), self._writing.begin() as connection:
            yield connection

    async def ping(self) -> float:
        """How many seconds the database took to answer the least question."""
        started = time.monotonic()
        async with self.reading() as connection:
            await connection.execute(text("SELECT 1"))
        return time.monotonic() - started

    async def close(self) -> None:
        """No connection is open any more."""
        if "_engine" in self.__dict__:
            await self._engine.dispose()

    @asynccontextmanager
    async def _answering(self, limit_seconds: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(limit_seconds):
                yield
        except _OUR_MISTAKES:
            raise
        except TimeoutError as error:
            raise StoreUnavailable(f"no answer within {limit_seconds:g} s") from error
        except self._away as error:
            raise StoreUnavailable(_first_line(error)) from error


def _normal(url: str) -> URL:
    """The URL with the driver that we use; both spellings of PostgreSQL are known."""
    scheme, _, rest = url.partition("://")
    backend = scheme.partition("+")[0]
    backend = "postgresql" if backend == "postgres" else backend
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
    if backend not in drivers:
        raise ValueError(f"expected sqlite:///path or postgresql://…, found {scheme}://…")
    return make_url(f"{drivers[backend]}://{rest}")


def _engine(url: URL, limit_seconds: float) -> AsyncEngine:
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, limit_seconds)
    return _postgresql(url, limit_seconds)


def _sqlite(url: URL, limit_seconds: float) -> AsyncEngine:
    _private_file(Path(url.database or ""))
    engine = create_async_engine(
        url, hide_parameters=True, connect_args={"isolation_level": None, "timeout": limit_seconds}
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _private_file(path: Path) -> None:
    """The file exists and belongs to us alone, since it holds password hashes."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _postgresql(url: URL, limit_seconds: float) -> AsyncEngine:
    try:
        import asyncpg
    except ImportError as error:
        raise StoreUnavailable("PostgreSQL needs: pip install 'mailvane[postgres]'") from error

    # asyncpg itself reads the URL, so that every option of libpq's (sslmode, …) means what it says.
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)

    async def connect() -> Any:
        return await asyncpg.connect(
            plain,
            timeout=min(limit_seconds, LIMIT_SECONDS),
            command_timeout=limit_seconds,
            server_settings={"application_name": "mailvane"},
        )

    return create_async_engine(
        url,
        async_creator=connect,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_size=5,
        max_overflow=0,
        pool_timeout=limit_seconds,
        pool_recycle=1800,
    )


def _driver_errors(kind: str) -> tuple[type[Exception], ...]:
    if kind != "postgresql":
        return ()
    import asyncpg

    return (asyncpg.PostgresError, asyncpg.InterfaceError)


def _first_line(error: Exception) -> str:
    """What the driver said, without the statement and the link that SQLAlchemy adds."""
    cause = getattr(error, "orig", None) or error
    if isinstance(error, SQLAlchemyError) and cause is error:
        return "all connections are in use"
    return str(cause).partition("\n")[0][:300] or type(cause).__name__
