"""A connection that speaks in lines, in the clear and then over TLS, within limits on both."""

import asyncio
import ssl
from typing import cast

from mailvane.core.errors import NotAnswered
from mailvane.core.redact import redact
from mailvane.core.response import Reason, Unanswered
from mailvane.transports.tcp import dial

LINE_BYTES = 4096
"""No mail protocol has longer lines: SMTP replies 512 bytes (RFC 5321 4.5.3.1), IMAP says 8,192 at most."""
TOTAL_BYTES = 65_536
"""The most that is read of a server that does not stop talking."""
CLOSE_SECONDS = 2.0
CONNECTING = "connecting"


class Wire(asyncio.Protocol):
    """One connection; `doing` says what is waited for, for the message of a time-out."""

    def __init__(self) -> None:
        self.doing = CONNECTING
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._total = 0
        self._ended: str | None = None
        self._woken: asyncio.Future[None] | None = None
        self._lost = asyncio.get_running_loop().create_future()

    async def connect(self, host: str, port: int, seconds: float) -> None:
        """The connection stands. Raises OSError."""
        sock = await dial(host, port, seconds)
        await asyncio.get_running_loop().create_connection(lambda: self, sock=sock)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As a Protocol."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """As a Protocol; what is over the limit is dropped, and no more is read."""
        self._total += len(data)
        self._buffer += data[: max(0, TOTAL_BYTES - len(self._buffer))]
        if self._total > TOTAL_BYTES and self._transport:
            self._ended = f"it sent more than {TOTAL_BYTES:,} bytes"
            self._transport.abort()
        self._wake()

    def eof_received(self) -> None:
        """As a Protocol; the connection is closed from our side as well."""
        self._ended = self._ended or "it closed the connection"
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """As a Protocol."""
        said = f": {str(exc)[:80]}" if exc else ""
        self._ended = self._ended or f"the connection was lost{said}"
        if not self._lost.done():
            self._lost.set_result(None)
        self._wake()

    def _wake(self) -> None:
        if self._woken and not self._woken.done():
            self._woken.set_result(None)

    def write(self, line: str) -> None:
        """The line is on its way."""
        if self._transport and not self._transport.is_closing():
            self._transport.write(f"{line}\r\n".encode("ascii"))

    async def line(self) -> str:
        """The next line, without its end; NotAnswered when none comes or it is no line."""
        while (end := self._buffer.find(b"\n", 0, LINE_BYTES)) < 0:
            if len(self._buffer) >= LINE_BYTES:
                raise self.no_answer(f"a line goes on after {LINE_BYTES:,} bytes")
            if self._ended:
                raise self.no_answer(self._ended)
            self._woken = asyncio.get_running_loop().create_future()
            await self._woken
        text = bytes(self._buffer[:end]).rstrip(b"\r").decode(errors="replace")
        del self._buffer[: end + 1]
        return text

    async def secure(self, context: ssl.SSLContext, name: str) -> ssl.SSLObject:
        """The connection speaks TLS. Raises ssl.SSLError and OSError.

        What came in the clear after the go-ahead is no part of it: an attacker in between could have
        put it there (CVE-2011-0411), so that it ends the connection.
        """
        if self._buffer:
            raise self.no_answer("it went on in the clear after agreeing to TLS")
        if self._transport is None or self._ended:
            raise self.no_answer(self._ended or "there is no connection")
        loop = asyncio.get_running_loop()
        secured = None
        try:
            secured = await loop.start_tls(self._transport, self, context, server_hostname=name)
        finally:
            # A handshake that failed has closed the connection, and does not tell this Protocol.
            if secured is None:
                self.connection_lost(None)
        if secured is None:
            raise self.no_answer("it closed the connection")
        self._transport, self._total = secured, 0
        tls: ssl.SSLObject = secured.get_extra_info("ssl_object")
        return tls

    async def close(self) -> None:
        """The connection is closed in order, with TLS' own goodbye; at once when that takes long."""
        if self._transport is None:
            return
        self._transport.close()
        done, _ = await asyncio.wait({self._lost}, timeout=CLOSE_SECONDS)
        if not done:
            self.abort()

    def abort(self) -> None:
        """The connection is gone, without a word."""
        if self._transport:
            self._transport.abort()

    def no_answer(self, why: str) -> NotAnswered:
        """The error that says what was waited for and what came instead."""
        return NotAnswered(Unanswered(Reason.PROTOCOL, f"{self.doing}: {why}"))


def shown(text: str) -> str:
    """A server's words, short and harmless enough for a message."""
    return redact(text)[:160]
