"""Plain TCP: does a port accept a connection, and why not."""

import asyncio
import errno
import os
import socket
import time
from collections.abc import Awaitable, Callable, Sequence

from mailvane.core.request import TcpReach
from mailvane.core.response import Reason, Unanswered

FALLBACK_SECONDS = 2.5
_KEEPALIVE = {
    "TCP_KEEPIDLE": 15,
    "TCP_KEEPINTVL": 5,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 30_000,
}

Knock = Callable[[str, int], Awaitable[float]]
"""Connects to a port, hangs up, and returns the seconds it took; raises OSError or TimeoutError."""


async def dial(
    host: str, port: int, seconds: float, *, family: int = 0, local: str | None = None
) -> socket.socket:
    """A connected socket; the host's addresses share the time. Raises OSError or TimeoutError."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    async with asyncio.timeout(seconds):
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    failure: OSError | None = None
    for tried, (kind, _, _, _, address) in enumerate(found):
        share = (end - loop.time()) / (len(found) - tried)
        try:
            return await _connected(kind, address, share, local)
        except OSError as error:
            failure = error
    raise failure or TimeoutError


async def _connected(
    kind: int, address: tuple[object, ...], seconds: float, local: str | None
) -> socket.socket:
    connection, made = socket.socket(kind, socket.SOCK_STREAM), False
    try:
        connection.setblocking(False)
        if local:
            connection.bind((local, 0))
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().sock_connect(connection, address)
        made = True
    finally:
        if not made:
            connection.close()
    return connection


def watch(connection: socket.socket) -> None:
    """The kernel notices within 30 s when the other side is gone, at no cost to us (tcp(7))."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if option := getattr(socket, name, None):
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


async def knock(host: str, port: int) -> float:
    """The seconds that a connection to the port took, which is closed again."""
    began = time.monotonic()
    (await dial(host, port, FALLBACK_SECONDS)).close()
    return time.monotonic() - began


async def reach_one_of(
    address: str, ports: Sequence[int], knocking: Knock = knock
) -> TcpReach | tuple[str, ...]:
    """The first of the ports, in their order, that accepts; else a sentence for each that does not.

    All are tried at once.
    """
    tries = await asyncio.gather(*(_try(knocking, address, port) for port in ports))
    said: list[str] = []
    for port, outcome in zip(ports, tries, strict=True):
        if isinstance(outcome, float):
            return TcpReach(address, port, outcome, tuple(said))
        said.append(outcome)
    return tuple(said)


async def _try(knocking: Knock, address: str, port: int) -> float | str:
    try:
        return await knocking(address, port)
    except OSError as error:
        return no_connection(error, port, FALLBACK_SECONDS).detail


def no_connection(error: OSError, port: int, seconds: float) -> Unanswered:
    """Why a port cannot be connected to.

    What our own machine lacks, a name server or a route, says nothing about the other side.
    """
    if isinstance(error, socket.gaierror):
        detail = f"the name has no address: {error.strerror}"
        return Unanswered(Reason.NOT_FOUND, detail, "correct `host`, or look at our name server")
    if isinstance(error, TimeoutError):
        return Unanswered(Reason.TIMEOUT, f"port {port} did not answer within {seconds:g} s")
    if error.errno == errno.ENETUNREACH:
        detail = "this machine has no route there: its own network may be down"
        return Unanswered(Reason.NOT_FOUND, detail, "look at `ip route` on this machine")
    if error.errno in (errno.EMFILE, errno.ENFILE):
        detail = "this machine allows us no more open files"
        return Unanswered(Reason.BUG, detail, "raise `LimitNOFILE` of the mailvane service")
    if error.errno == errno.EHOSTUNREACH:
        return Unanswered(Reason.TIMEOUT, f"port {port} could not be reached: no route to host")
    why = os.strerror(error.errno) if error.errno else str(error)
    return Unanswered(Reason.REFUSED, f"port {port} refused: {why.lower()}")
