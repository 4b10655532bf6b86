"""SSH: one connection per server, one long-lived shell on it, one round trip per sweep.

The host key is pinned, a refused login is not repeated soon, nothing is forwarded, everything has a limit.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
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
from mailvane.transports.tcp import FALLBACK_SECONDS, knock, reach_one_of

SHELL = "exec /bin/sh"
CHANNELS = 4
"""sshd allows 10 sessions per connection (MaxSessions), and one that is closing still counts."""
CHANNEL_SECONDS = 5.0
ALIVE_SECONDS = 1.5
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
        3. Otherwise the request's own ports are tried.
        """
        connection = self.connection
        if connection.current and not await self.console.alive(ALIVE_SECONDS):
            connection.drop()
        was_open = connection.current is not None
        failure = await connection.get()
        seen = connection.seen
        if not isinstance(failure, Unanswered):
            return Answered(_shown(request, seen, was_open=was_open), self._clock())
        if seen and self._clock() - seen.at < REACH_REMEMBERED:
            said = f"accepted a connection at {seen.at:%H:%M:%S} UTC: {failure.detail}"
            reach = TcpReach(request.address, seen.reach.port, seen.reach.seconds, (said,))
            return Answered(reach, seen.at)
        return await self._by_other_port(request, failure)

    async def _by_other_port(
        self, request: TcpConnect, failure: Unanswered
    ) -> Answered[TcpReach] | Unanswered:
        plan = self.connection.plan
        ports = [port for port in request.ports if not plan or port != plan.port]
        reach = await reach_one_of(request.address, ports, [failure.detail], self._knock)
        if isinstance(reach, TcpReach):
            return Answered(reach, self._clock())
        if failure.reason not in (Reason.TIMEOUT, Reason.REFUSED):
            return failure
        return Unanswered(failure.reason, "; ".join(reach), failure.fix)

    async def _knock(self, host: str, port: int) -> float:
        """As the server itself is reached: through the jump host when there is one."""
        tunnel = self.connection.jump_connection()
        if not tunnel:
            return await knock(host, port)
        began = time.monotonic()
        try:
            async with asyncio.timeout(FALLBACK_SECONDS):
                _, writer = await tunnel.open_connection(host, port)
        except asyncssh.ChannelOpenError as error:
            raise ConnectionRefusedError(error.reason) from error
        writer.close()
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
        session = _Session(listener, self._channels)
        try:
            async with asyncio.timeout(CHANNEL_SECONDS):
                await connection.create_session(
                    lambda: session,
                    SHELL,
                    env={},
                    send_env=(),
                    request_pty=False,
                    x11_forwarding=False,
                    encoding=None,
                    window=WINDOW_BYTES,
                )
        except (OSError, asyncssh.Error) as error:
            session.close()
            self.connection.drop()
            return _no_channel(error)
        except asyncio.CancelledError:
            session.close()
            raise
        return session


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


def _no_channel(error: OSError | asyncssh.Error) -> Unanswered:
    if isinstance(error, TimeoutError):
        return Unanswered(
            Reason.TIMEOUT, f"the server opened no channel within {CHANNEL_SECONDS:g} s"
        )
    why = error.reason if isinstance(error, asyncssh.Error) else str(error)
    return Unanswered(
        Reason.PROTOCOL,
        f"the login worked, but the server opened no shell: {why[:200]}",
        "look at ForceCommand and MaxSessions in its sshd_config, and at the log of its sshd",
    )
