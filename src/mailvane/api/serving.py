"""An ASGI application over HTTP, until it is told to end."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import Iterator

import uvicorn

from mailvane.api.fast import FastPath
from mailvane.api.quick import QuickProtocol
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
    # asyncio switches Nagle's algorithm off only where the protocol is named; with it, answers wait 40 ms.
    on = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        on.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        on.bind((host, port))
        on.listen(BACKLOG)
    except OSError as error:
        on.close()
        raise AddressTaken(
            f"cannot listen on {host}:{port}: {error.strerror}; "
            'end what listens there, or set `api: {listen: "HOST:PORT"}`'
        ) from error
    return on


async def serve_http(app: FastPath, on: socket.socket, until: asyncio.Event) -> None:
    """Requests are answered until the event is set; those under way are finished."""
    config = uvicorn.Config(
        app,
        http=QuickProtocol,
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
    gc.collect()
    gc.freeze()  # what is loaded stays for good: looking through it again and again stops answers for 30 ms
    serving = asyncio.create_task(server.serve(sockets=[on]))
    waiting = asyncio.create_task(until.wait())
    await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    waiting.cancel()
    await serving
