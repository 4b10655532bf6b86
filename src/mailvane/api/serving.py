"""An ASGI application over HTTP, until it is told to end."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from mailvane.core.errors import MailvaneError

BACKLOG = 2048
GRACE_SECONDS = 5
"""So long may requests that are under way still take when the service ends."""


class AddressTaken(MailvaneError):
    """The address to listen on cannot be had; the text says why and how to choose another."""


class _Server(uvicorn.Server):
    """Leaves signals to whoever started it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections there; raises AddressTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise AddressTaken(
            f"cannot listen on {host}:{port}: {error.strerror}; "
            'end what listens there, or set `api: {listen: "HOST:PORT"}`'
        ) from error


async def serve_http(app: Any, on: socket.socket, until: asyncio.Event) -> None:
    """Requests are answered until the event is set; those under way are finished."""
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[on]))
    waiting = asyncio.create_task(until.wait())
    await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    waiting.cancel()
    await serving
