"""Plain TCP, over real sockets."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from mailvane.core.request import TcpReach
from mailvane.core.response import Reason
from mailvane.transports.tcp import dial, knock, no_connection, reach_one_of, watch


@pytest.fixture
async def open_port() -> AsyncIterator[int]:
    """A port that accepts."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


@pytest.fixture
def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port whose queue is full, so that connecting to it waits."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        yield port
        for one in waiting:
            one.close()


async def test_an_open_port_is_dialled(open_port: int) -> None:
    """The socket is connected and does not block."""
    with await dial("127.0.0.1", open_port, 5.0) as connection:
        assert connection.getpeername() == ("127.0.0.1", open_port)
        assert not connection.getblocking()


async def test_the_next_address_of_a_name_is_tried(open_port: int) -> None:
    """`localhost` is ::1 as well, where nobody listens."""
    with await dial("localhost", open_port, 5.0) as connection:
        assert connection.getpeername()[0] == "127.0.0.1"


async def test_a_closed_port_refuses(closed_port: int) -> None:
    """The refusal is an error that can be told from silence."""
    with pytest.raises(ConnectionRefusedError):
        await dial("127.0.0.1", closed_port, 5.0)


async def test_silence_takes_no_longer_than_its_time(silent_port: int) -> None:
    """A port that does not answer is given up."""
    with pytest.raises(TimeoutError):
        await dial("127.0.0.1", silent_port, 0.2)


async def test_a_watched_connection_is_kept_alive(open_port: int) -> None:
    """The kernel asks after 15 s of silence."""
    with await dial("127.0.0.1", open_port, 5.0) as connection:
        watch(connection)
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 15


async def test_the_first_open_port_answers(open_port: int, closed_port: int) -> None:
    """With sentences on those before it."""
    reach = await reach_one_of("127.0.0.1", (closed_port, open_port))
    assert isinstance(reach, TcpReach)
    assert (reach.port, reach.refused) == (
        open_port,
        (f"port {closed_port} refused: connection refused",),
    )
    assert reach.seconds is not None


async def test_without_an_open_port_each_is_named(closed_port: int) -> None:
    """One sentence for each port."""
    assert await reach_one_of("127.0.0.1", (closed_port,)) == (
        f"port {closed_port} refused: connection refused",
    )


async def test_knocking_hangs_up(open_port: int) -> None:
    """It returns the time that connecting took."""
    assert await knock("127.0.0.1", open_port) >= 0


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (TimeoutError(), Reason.TIMEOUT, "port 22 did not answer within 5 s"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), Reason.REFUSED, "connection refused"),
        (OSError(errno.EHOSTUNREACH, "x"), Reason.TIMEOUT, "no route to host"),
        (OSError(errno.ENETUNREACH, "x"), Reason.NOT_FOUND, "its own network may be down"),
        (OSError(errno.EMFILE, "x"), Reason.BUG, "no more open files"),
        (socket.gaierror(-2, "Name or service not known"), Reason.NOT_FOUND, "no address"),
        (OSError("odd"), Reason.REFUSED, "odd"),
    ],
)
def test_reasons_are_told_apart(error: OSError, reason: Reason, words: str) -> None:
    """What is wrong with us, or with names, is not the server's silence."""
    unanswered = no_connection(error, 22, 5.0)
    assert unanswered.reason is reason
    assert words in unanswered.detail
