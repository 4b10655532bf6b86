"""Two connections to one Redis: one asks, the other hears which keys somebody else has changed.

Redis calls it server-assisted client-side caching (`CLIENT TRACKING … BCAST`, since 6.0); here in the
RESP2 manner, where a second connection gets the messages.
https://redis.io/docs/latest/develop/reference/client-side-caching/
"""

import asyncio
import math
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import urlsplit

from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from mailvane.core.redact import redact
from mailvane.core.secret import Secret

Command = Sequence[str | bytes | int]
Reply = bytes | int | None

TROUBLE = (RedisError, OSError, EOFError, ValueError)
"""What a Redis that is away, hangs, refuses or is none can raise; ValueError: it spoke no RESP."""
NOT_A_STRING = b"\0"
"""Stands for the value of a key that holds a list, a hash or the like."""

_CHANGES = "__redis__:invalidate"
_OF_A_CONNECTION = ("username", "password", "host", "port", "db", "path")


class Endpoint:
    """Where a Redis is and how to log in there."""

    def __init__(self, url: Secret) -> None:
        """A URL that is not redis://, rediss:// or unix:// raises ValueError, which never quotes it."""
        try:
            options = _options(url.reveal())
        except ValueError:
            raise ValueError(
                "expected redis://, rediss:// or unix://, with percent-encoded user and password"
            ) from None
        self._connection = options.get("connection_class", Connection)
        self._options = {
            name: value
            for name, value in options.items()
            if name in _OF_A_CONNECTION or name.startswith("ssl_")
        }

    def connection(self) -> AbstractConnection:
        """A connection that is not open yet; every time limit is its user's."""
        made: AbstractConnection = self._connection(
            **self._options,
            protocol=2,
            socket_timeout=None,
            socket_connect_timeout=None,
            driver_info=None,
        )
        return made


class Link:
    """An open way to a Redis; any trouble ends it."""

    def __init__(self, asks: AbstractConnection, hears: AbstractConnection, limit: float) -> None:
        self._asks = asks
        self._hears = hears
        self._limit = limit
        self.deaf: str | None = None
        """Why changes by others are not heard; None: they are."""

    async def ask(self, commands: Sequence[Command]) -> list[Reply]:
        """The reply to each command, in one round trip; an error reply raises ResponseError."""
        async with asyncio.timeout(self._limit):
            return await _asked(self._asks, commands)

    async def listen(self, prefix: str) -> None:
        """Changes of keys with that prefix are heard from now on, or `deaf` says why not."""
        try:
            async with asyncio.timeout(self._limit):
                await self._hears.connect()  # type: ignore[no-untyped-call]
                [number] = await _asked(self._hears, [("CLIENT", "ID")])
                await _asked(self._hears, [("SUBSCRIBE", _CHANGES)])
            to = ("REDIRECT", cast("int", number))
            await self.ask([("CLIENT", "TRACKING", "ON", *to, "BCAST", "PREFIX", prefix, "NOLOOP")])
        except ResponseError as error:
            self.deaf = reason(error)
            await self._hears.disconnect(nowait=True)

    async def changes(self, within: float) -> frozenset[str] | None:
        """The keys that somebody else changed next, None: any; TimeoutError after silence.

        Empty when it was only the answer to `knock`.
        """
        async with asyncio.timeout(within):
            kind, *rest = await self._hears.read_response(timeout=math.inf)
        if kind != b"message":
            return frozenset()
        keys = rest[1]
        return keys and frozenset(key.decode(errors="replace") for key in keys)

    async def knock(self) -> None:
        """The hearing connection has something to answer, so that its silence means that it is dead."""
        if self.deaf is None:
            async with asyncio.timeout(self._limit):
                await self._hears.send_command("PING")


@asynccontextmanager
async def connected(endpoint: Endpoint, limit: float) -> AsyncIterator[Link]:
    """A link that is open; each of its round trips ends within `limit` seconds."""
    asks, hears = endpoint.connection(), endpoint.connection()
    try:
        async with asyncio.timeout(limit):
            await asks.connect()  # type: ignore[no-untyped-call]
        yield Link(asks, hears, limit)
    finally:
        _abort((asks, hears))


def _options(url: str) -> dict[str, Any]:
    # What follows an unquoted `#` or `/` of a password would be taken for a host or a port.
    parts = urlsplit(url)
    if parts.fragment or "@" in parts.path + parts.query:
        raise ValueError
    return cast("dict[str, Any]", parse_url(url))


def reason(error: BaseException) -> str:
    """Why a Redis did not answer, in one sentence without a secret."""
    if isinstance(error, BaseExceptionGroup):
        return reason(error.exceptions[0])
    if isinstance(error, AuthenticationError):
        return "the user name or password was refused"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return redact(str(error))[:200] or type(error).__name__


async def _asked(connection: AbstractConnection, commands: Sequence[Command]) -> list[Reply]:
    await connection.send_packed_command(connection.pack_commands(commands))
    return [await _reply(connection) for _ in commands]


async def _reply(connection: AbstractConnection) -> Reply:
    try:
        return cast("Reply", await connection.read_response())
    except ResponseError as error:
        if str(error).startswith("WRONGTYPE"):
            return NOT_A_STRING
        raise


def _abort(connections: Iterable[AbstractConnection]) -> None:
    """They are closed at once: what a Redis that hangs has not taken is not waited for."""
    for connection in connections:
        writer = connection._writer  # noqa: SLF001  redis-py offers no way to close without flushing
        if writer is not None:
            writer.transport.abort()
        connection._close()  # type: ignore[no-untyped-call]  # noqa: SLF001  as above
