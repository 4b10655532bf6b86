"""The machine that Mailvane runs on: the same frames over a local `/bin/sh`."""

import asyncio
import os
import signal
from collections.abc import Sequence
from typing import Any, cast

from mailvane.core.ports import Clock, Responses
from mailvane.core.request import Request, Right, ShellCommand, TcpConnect, TcpReach
from mailvane.core.response import Answered, Reason, Unanswered
from mailvane.core.server import Server
from mailvane.transports.console import Console
from mailvane.transports.router import not_carried
from mailvane.transports.script import PATH
from mailvane.transports.shell import Channel, Listener

THIS_MACHINE = "this machine"
_HANDED_ON = ("HOME", "LOGNAME", "USER", "TZ")
"""All that a command sees of our environment: secrets come to us by it."""


class LocalTransport:
    """Asks this machine. A TcpConnect is answered with port 0: we run on it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._shells = LocalShells()
        self._consoles: dict[str, Console] = {}

    async def send(self, server: Server, requests: Sequence[Request[Any]]) -> Responses:
        """A response for every request, each within its own time limit."""
        reached = Answered(TcpReach(THIS_MACHINE, 0, None), self._clock())
        commands = [request for request in requests if isinstance(request, ShellCommand)]
        others = {
            request: reached if isinstance(request, TcpConnect) else not_carried(request)
            for request in requests
            if not isinstance(request, ShellCommand)
        }
        answers = await self._console(server.name).ask(commands) if commands else {}
        return {**others, **answers}

    async def granted(self, server: Server, right: Right) -> bool | Unanswered:
        """Whether we may run the right's command as root here, asked now."""
        return await self._console(server.name).granted(right)

    async def forget(self, name: str) -> None:
        """The shell that was open for the server of that name is closed."""
        if console := self._consoles.pop(name, None):
            console.close()

    async def close(self) -> None:
        """No shell of ours runs any more."""
        for name in list(self._consoles):
            await self.forget(name)
        await self._shells.close()

    def _console(self, name: str) -> Console:
        if name not in self._consoles:
            self._consoles[name] = Console(name, self._shells.open, self._clock)
        return self._consoles[name]


class LocalShells:
    """Opens shells on this machine, as an Opener.

    `command` is the shell with its arguments.
    """

    def __init__(self, command: Sequence[str] = ("/bin/sh",)) -> None:
        self._command = command
        self._running: set[_Pipes] = set()

    async def open(self, listener: Listener) -> Channel | Unanswered:
        """A new shell in a session of its own."""
        loop = asyncio.get_running_loop()
        environment = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
        pipes = _Pipes(listener)
        try:
            await loop.subprocess_exec(
                lambda: pipes,
                *self._command,
                env={"PATH": PATH, **environment},
                start_new_session=True,
            )
        except OSError as error:
            detail = f"{self._command[0]} could not be started: {error.strerror}"
            return Unanswered(Reason.NOT_FOUND, detail)
        self._running.add(pipes)
        pipes.ended.add_done_callback(lambda _: self._running.discard(pipes))
        return pipes

    async def close(self) -> None:
        """Every shell that was opened here has ended."""
        running = list(self._running)
        for pipes in running:
            pipes.close()
        await asyncio.gather(*(pipes.ended for pipes in running))


class _Pipes(asyncio.SubprocessProtocol):
    """A running local shell."""

    def __init__(self, listener: Listener) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._listener = listener
        self._transport: asyncio.SubprocessTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        if isinstance(data, bytes):
            self._listener.received(data, error=fd == 2)

    def process_exited(self) -> None:
        self._listener.lost("it ended")
        if self._transport:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self.ended.done():
            self.ended.set_result(None)

    def write(self, data: bytes) -> None:
        """The shell will read these bytes."""
        if self._transport:
            cast("asyncio.WriteTransport", self._transport.get_pipe_transport(0)).write(data)

    def close(self) -> None:
        """The shell and all that it runs in the foreground is killed; `ended` says when that is done."""
        if self._transport and self._transport.get_returncode() is None:
            try:
                os.killpg(self._transport.get_pid(), signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                self._transport.close()
