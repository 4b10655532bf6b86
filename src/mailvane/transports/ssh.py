"""SSH: one connection per server, one long-lived shell on it, one round trip per sweep.

The host key is pinned, a refused login is not repeated soon, nothing is forwarded, everything has a limit.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncssh

from mailvane.core.ports import Clock, Responses
from mailvane.core.request import Request, Right, ShellCommand, TcpConnect, TcpReach
from mailvane.core.response import Answered, Reason, Unanswered
from mailvane.core.server import Server, Ssh
from mailvane.transports.connection import Connection, Connections, Seen
from mailvane.transports.console import Console
from mailvane.transports.hostkeys import SSH_PORT, HostKey
from mailvane.transports.keyscan import offered_host_keys
from mailvane.transports.router import not_carried
from mailvane.transports.shell import Channel, Listener
from mailvane.transports.strangers import outcome_of
from mailvane.transports.tcp import FALLBACK_SECONDS, knock, reach_one_of

SHELL = "exec /bin/sh"
CHANNELS = 4
"""sshd allows 10 sessions per connection (MaxSessions), and one that is closing still counts."""
CHANNEL_SECONDS = 5.0
ALIVE_SECONDS = 1.5
LAST_WORDS_SECONDS = 0.2
"""How long output may still come after the news that the shell has ended."""
REACH_REMEMBERED = timedelta(minutes=10)
WINDOW_BYTES = 256 * 1024
"""How far a server can write ahead of us."""


class SshTransport:
    """Asks servers over SSH."""

    def __init__(self, clock: Clock) -> None:
        logging.getLogger("asyncssh").setLevel(logging.WARNING)
        self._clock = clock
        self._connections = Connections(clock)
        self._servers: dict[str, SshServer] = {}

    async def send(self, server: Server, requests: Sequence[Request[Any]]) -> Responses:
        """A response for every request, each within its own time limit."""
        at = await self._at(server)
        responses: dict[Request[Any], Answered[Any] | Unanswered] = {}
        for request in requests:
            if isinstance(request, TcpConnect):
                responses[request] = await at.reached(request)
            elif not isinstance(request, ShellCommand):
                responses[request] = not_carried(request)
        commands = [request for request in requests if isinstance(request, ShellCommand)]
        return {**responses, **(await at.console.ask(commands))} if commands else responses

    async def granted(self, server: Server, right: Right) -> bool | Unanswered:
        """Whether the server lets us run the right's command as root, asked now."""
        return await (await self._at(server)).console.granted(right)

    async def offered_host_keys(self, reach: Ssh) -> list[HostKey] | Unanswered:
        """The keys that a server shows, the preferred one first, for somebody to compare and `pin`."""
        return await offered_host_keys(reach, self._connections)

    async def forget(self, name: str) -> None:
        """Whatever was open to the server of that name is closed."""
        if at := self._servers.pop(name, None):
            at.console.close()
        await self._connections.forget(name)

    async def close(self) -> None:
        """Everything that was open is closed."""
        for name in list(self._servers):
            await self.forget(name)
        await self._connections.close()

    async def _at(self, server: Server) -> "SshServer":
        """What is remembered of the server; nothing when it is reached another way than before."""
        if not isinstance(server.reach, Ssh):
            raise TypeError(f"{server.name} is not reached over SSH")
        known = self._servers.get(server.name)
        if known and known.connection.reach != server.reach:
            await self.forget(server.name)
            known = None
        if not known:
            connection = self._connections.to(server.name, server.reach)
            known = self._servers[server.name] = SshServer(server.name, connection, self._clock)
        return known


class SshServer:
    """One server: its connection, and the console that is open on it."""

    def __init__(self, name: str, connection: Connection, clock: Clock) -> None:
        self.connection = connection
        self.console = Console(name, self._open, clock)
        self._clock = clock
        self._channels = asyncio.Semaphore(CHANNELS)
        self._seen_opened = 0

    async def reached(self, request: TcpConnect) -> Answered[TcpReach] | Unanswered:
        """Whether the machine accepts connections, as the SSH connection itself shows it.

        The port of SSH is never connected to for this alone: sshd's log would show a client that hangs up
        without a login, again and again, which is what gets addresses banned.
        1. A connection that answers, or a new one, is the evidence; also one that ended in a refused login.
        2. While logins wait after a refusal, the last attempt is evidence for ten minutes.
        3. Otherwise the request's own ports are tried; at once when an open connection fell silent.
        """
        connection, knocks = self.connection, None
        if connection.current and not await self.console.alive(ALIVE_SECONDS):
            connection.drop()
            knocks = asyncio.create_task(self._other_ports(request))
        was_open = connection.current is not None
        try:
            failure = await connection.get()
            if not isinstance(failure, Unanswered):
                shown = _shown(request, connection.seen, was_open=was_open)
                return Answered(shown, self._clock())
            if seen := self._seen_lately():
                return _refused(request, seen, failure)
            others = await (knocks or self._other_ports(request))
            return self._by_other_port(others, failure)
        finally:
            if knocks:
                knocks.cancel()

    def _seen_lately(self) -> Seen | None:
        """The last attempt, when it reached the port not long ago."""
        seen = self.connection.seen
        return seen if seen and self._clock() - seen.at < REACH_REMEMBERED else None

    async def _other_ports(self, request: TcpConnect) -> TcpReach | tuple[str, ...]:
        plan = self.connection.plan
        ports = [port for port in request.ports if not plan or port != plan.port]
        return await reach_one_of(request.address, ports, self._knock)

    def _by_other_port(
        self, others: TcpReach | tuple[str, ...], failure: Unanswered
    ) -> Answered[TcpReach] | Unanswered:
        if isinstance(others, TcpReach):
            reach = replace(others, refused=(failure.detail, *others.refused))
            return Answered(reach, self._clock())
        if failure.reason not in (Reason.TIMEOUT, Reason.REFUSED):
            return failure
        return replace(failure, detail="; ".join((failure.detail, *others)))

    async def _knock(self, host: str, port: int) -> float:
        """As the server itself is reached: through the jump host when there is one."""
        tunnel = self.connection.jump_connection()
        if not tunnel:
            return await knock(host, port)
        began = time.monotonic()
        outcome = await outcome_of(tunnel.open_connection(host, port), FALLBACK_SECONDS)
        if isinstance(outcome, OSError):
            raise outcome
        if isinstance(outcome, Exception):
            raise ConnectionRefusedError(str(outcome))
        outcome[1].close()
        return time.monotonic() - began

    async def _open(self, listener: Listener) -> Channel | Unanswered:
        """A new shell on the connection, as an Opener."""
        connection = await self.connection.get()
        if isinstance(connection, Unanswered):
            return connection
        if self.connection.opened != self._seen_opened:
            self._seen_opened = self.connection.opened
            self.console.forget_rights()
        await self._channels.acquire()
        session, opened = _Session(listener, self._channels), False
        request = connection.create_session(
            lambda: session,
            SHELL,
            env={},
            send_env=(),
            request_pty=False,
            x11_forwarding=False,
            encoding=None,
            window=WINDOW_BYTES,
        )
        try:
            outcome = await outcome_of(request, CHANNEL_SECONDS)
            opened = not isinstance(outcome, Exception)
        finally:
            if not opened:
                session.close()
        if isinstance(outcome, Exception):
            self.connection.drop()
            return _no_channel(outcome)
        return session


def _refused(request: TcpConnect, seen: Seen, failure: Unanswered) -> Answered[TcpReach]:
    """The port was reached, though there was no login."""
    said = f"accepted a connection at {seen.at:%H:%M:%S} UTC: {failure.detail}"
    reach = TcpReach(request.address, seen.reach.port, seen.reach.seconds, (said,))
    return Answered(reach, seen.at)


def _shown(request: TcpConnect, seen: Seen | None, *, was_open: bool) -> TcpReach:
    """What the open connection shows; only a new one tells how long connecting took."""
    port = seen.reach.port if seen else SSH_PORT
    return TcpReach(request.address, port, seen.reach.seconds if seen and not was_open else None)


class _Session(asyncssh.SSHClientSession[bytes]):
    """An open channel; its bytes go to the listener as they come."""

    def __init__(self, listener: Listener, slots: asyncio.Semaphore) -> None:
        self._listener = listener
        self._slots: asyncio.Semaphore | None = slots
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._listener.received(data, error=datatype is not None)

    def exit_status_received(self, status: int) -> None:
        """The shell has ended, though a process of its may keep the channel open for long."""
        del status
        loop = asyncio.get_running_loop()
        loop.call_later(LAST_WORDS_SECONDS, self._listener.lost, "it ended")

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        """As when it ends by itself."""
        del signal, core_dumped, msg, lang
        self.exit_status_received(0)

    def connection_lost(self, exc: Exception | None) -> None:
        self.release()
        self._listener.lost(str(exc)[:200] if exc else "it ended")

    def write(self, data: bytes) -> None:
        """The shell will read these bytes, unless it has ended; then `lost` is about to be called."""
        if self._channel and not self._channel.is_closing():
            self._channel.write(data)

    def close(self) -> None:
        """Nothing more is heard of it; what the server still sends is dropped."""
        if self._channel:
            self._channel.abort()
        self.release()

    def release(self) -> None:
        """Another channel may be opened."""
        if self._slots:
            self._slots.release()
            self._slots = None


def _no_channel(error: Exception) -> Unanswered:
    if isinstance(error, TimeoutError):
        return Unanswered(
            Reason.TIMEOUT, f"the server opened no channel within {CHANNEL_SECONDS:g} s"
        )
    why = error.reason if isinstance(error, asyncssh.Error) else str(error) or type(error).__name__
    return Unanswered(
        Reason.PROTOCOL,
        f"the login worked, but the server opened no shell: {why[:200]}",
        "look at ForceCommand and MaxSessions in its sshd_config, and at the log of its sshd",
    )
