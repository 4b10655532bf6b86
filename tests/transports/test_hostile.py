"""Servers that mean no good, or are something else: bounded time, bounded memory, a plain reason."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh
import pytest

from mailvane.core.request import ShellCommand, TcpConnect
from mailvane.core.response import Answered, Reason, Unanswered
from mailvane.core.server import Server, Ssh
from mailvane.transports.hostkeys import host_key, pin
from mailvane.transports.ssh import SshTransport
from tests.sshd import Sshd

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HUNDRED_MEGABYTES = 100 * 2**20
HOLDS_AT_MOST = 12 * 2**20
HI = ShellCommand("echo hi", timeout_seconds=1.0)


class Listening:
    """A port that talks as a test wants, and counts what it could get rid of."""

    def __init__(self) -> None:
        self.sent = 0
        self.port = 0

    async def pour(self, writer: asyncio.StreamWriter, block: bytes, total: int) -> None:
        """Sends the block again and again, until so much is gone or nobody takes it."""
        while self.sent < total:
            writer.write(block)
            await writer.drain()
            self.sent += len(block)


def server(port: int, folder: Path, seconds: float = 1.0) -> Server:
    """The server on that port; the key is made, the host key is pinned if there is one."""
    key = folder / "key"
    if not key.exists():
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(key)
        key.chmod(0o600)
    reach = Ssh(
        host="127.0.0.1",
        port=port,
        user="monitor",
        key=key,
        known_hosts=(folder / "known_hosts",),
        config_files=(Path("/dev/null"),),
        connect_timeout_seconds=seconds,
    )
    return Server(name="mx", hostname="mx.example", reach=reach)


async def refused(ssh: SshTransport, at: Server, command: ShellCommand = HI) -> Unanswered:
    """Why the command has no answer."""
    async with asyncio.timeout(25):
        response = (await ssh.send(at, [command]))[command]
    assert isinstance(response, Unanswered), response
    return response


async def silence(listening: Listening, writer: asyncio.StreamWriter) -> None:
    """Says nothing."""
    del listening, writer
    await asyncio.sleep(60)


async def hangs_up(listening: Listening, writer: asyncio.StreamWriter) -> None:
    """Ends at once."""
    del listening, writer


async def binary(listening: Listening, writer: asyncio.StreamWriter) -> None:
    """Sends what is no SSH."""
    await listening.pour(writer, bytes(range(256)) * 16, HUNDRED_MEGABYTES)


async def lines(listening: Listening, writer: asyncio.StreamWriter) -> None:
    """Sends a greeting without end, which RFC 4253 section 4.2 allows before the version."""
    await listening.pour(writer, b"welcome to this server\r\n" * 1000, HUNDRED_MEGABYTES)


async def a_huge_packet(listening: Listening, writer: asyncio.StreamWriter) -> None:
    """Says that a packet of 2 GB follows, and sends it."""
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\x7f\xff\xff\xff")
    await listening.pour(writer, b"x" * 65536, HUNDRED_MEGABYTES)


async def ends_after_its_version(listening: Listening, writer: asyncio.StreamWriter) -> None:
    """Ends in the middle of the handshake."""
    del listening
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await writer.drain()


async def drips(listening: Listening, writer: asyncio.StreamWriter) -> None:
    """A letter at a time."""
    del listening
    for letter in b"SSH-2.0-" + b"x" * 200:
        writer.write(bytes([letter]))
        await asyncio.sleep(0.05)


async def http(listening: Listening, writer: asyncio.StreamWriter) -> None:
    """Is a web server."""
    del listening
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (silence, Reason.TIMEOUT),
        (drips, Reason.TIMEOUT),
        (hangs_up, Reason.PROTOCOL),
        (binary, Reason.PROTOCOL),
        (lines, Reason.PROTOCOL),
        (a_huge_packet, Reason.PROTOCOL),
        (ends_after_its_version, Reason.PROTOCOL),
        (http, Reason.PROTOCOL),
    ],
)
async def test_what_speaks_no_ssh_is_told(
    ssh: SshTransport,
    tmp_path: Path,
    talk: Callable[[Listening, asyncio.StreamWriter], Awaitable[None]],
    reason: Reason,
) -> None:
    """Within the time of a login, with little read; the machine is there, since it accepted TCP."""
    listening, talks = Listening(), set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        talks.add(asyncio.current_task())
        try:
            await talk(listening, writer)
        except OSError:
            return
        finally:
            writer.close()

    port = await asyncio.start_server(accept, "127.0.0.1", 0)
    at = server(port.sockets[0].getsockname()[1], tmp_path)
    reach = TcpConnect("127.0.0.1", ())
    responses = await ssh.send(at, [reach, HI])
    response = responses[HI]
    assert isinstance(response, Unanswered)
    assert response.reason is reason, response
    assert isinstance(responses[reach], Answered)
    assert listening.sent < HOLDS_AT_MOST
    port.close()
    for task in talks:
        task.cancel()
    await asyncio.gather(*talks, return_exceptions=True)


class LetsAnyoneIn(asyncssh.SSHServer):
    """An SSH server that asks for no proof, and opens no session."""

    def begin_auth(self, username: str) -> bool:
        """No authentication is needed."""
        del username
        return False


class Pours(asyncssh.SSHServerSession[bytes]):
    """A shell that writes without end, as fast as it is read."""

    sent = 0

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        """The channel is open."""
        self._channel = chan

    def exec_requested(self, command: str) -> bool:
        """Any command will do."""
        del command
        return True

    def session_started(self) -> None:
        """It begins."""
        self._paused = False
        self._pour()

    def pause_writing(self) -> None:
        """Nobody reads as fast."""
        self._paused = True

    def resume_writing(self) -> None:
        """There is room."""
        self._paused = False
        asyncio.get_running_loop().call_soon(self._pour)

    def _pour(self) -> None:
        while (
            not self._paused and not self._channel.is_closing() and Pours.sent < HUNDRED_MEGABYTES
        ):
            Pours.sent += 32768
            self._channel.write(b"x" * 32768)


class Ends(Pours):
    """A shell that says why there is none."""

    def session_started(self) -> None:
        """It ends."""
        self._channel.write(b"no shell for you\n")
        self._channel.exit(1)


class WithPours(LetsAnyoneIn):
    """Gives everyone such a shell."""

    def session_requested(self) -> Pours:
        """A session that pours."""
        return Pours()


class WithEnds(LetsAnyoneIn):
    """Gives everyone such a shell."""

    def session_requested(self) -> Ends:
        """A session that ends."""
        return Ends()


Starts = Callable[..., Awaitable[Server]]


@pytest.fixture
async def speaks(tmp_path: Path) -> AsyncIterator[Starts]:
    """Starts an SSH server whose key is pinned, with options of asyncssh.listen."""
    started: list[asyncssh.SSHAcceptor] = []

    async def start(**options: object) -> Server:
        key = asyncssh.generate_private_key("ssh-ed25519")
        said = {"server_factory": LetsAnyoneIn, "server_host_keys": [key], "encoding": None}
        acceptor = await asyncssh.listen("127.0.0.1", 0, **{**said, **options})
        started.append(acceptor)
        pin(tmp_path / "known_hosts", host_key("127.0.0.1", acceptor.get_port(), key))
        return server(acceptor.get_port(), tmp_path, seconds=5.0)

    yield start
    for acceptor in started:
        acceptor.close()
        await acceptor.wait_closed()


async def test_a_shell_that_pours_a_hundred_megabytes(ssh: SshTransport, speaks: Starts) -> None:
    """Instead of an answer: it is cut off after a few, and little of it is ever held."""
    Pours.sent = 0
    at = await speaks(server_factory=WithPours)
    tracemalloc.start()
    response = await refused(ssh, at)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert response.reason is Reason.PROTOCOL
    assert "writes without end" in response.detail
    assert 2**20 < Pours.sent < HOLDS_AT_MOST
    assert most < HOLDS_AT_MOST


async def test_a_shell_that_ends_at_once(ssh: SshTransport, speaks: Starts) -> None:
    """The login works, the shell does not."""
    response = await refused(ssh, await speaks(server_factory=WithEnds))
    assert response.reason is Reason.PROTOCOL
    assert "no shell for you" in response.detail


async def test_a_server_that_opens_no_session(ssh: SshTransport, speaks: Starts) -> None:
    """It lets us in and gives no channel: said, with where to look."""
    response = await refused(ssh, await speaks())
    assert response.reason is Reason.PROTOCOL
    assert "opened no shell" in response.detail


async def test_a_server_with_old_algorithms_only(ssh: SshTransport, speaks: Starts) -> None:
    """No common algorithms is a reason of its own, and is not tried every sweep."""
    made = 0

    class Counting(LetsAnyoneIn):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            nonlocal made
            del conn
            made += 1

    at = await speaks(server_factory=Counting, encryption_algs=["3des-cbc"])
    for _ in range(3):
        response = await refused(ssh, at)
        assert response.reason in (Reason.AUTH, Reason.PROTOCOL)
    assert made == 1


@pytest.mark.parametrize("part", range(8))
async def test_a_handshake_with_a_wrong_byte(
    ssh: SshTransport, sshd: Sshd, part: int, tmp_path: Path
) -> None:
    """Whichever byte of a real server's handshake is another one, the response is a value."""
    for place in range(part * 13, 1900, 113):
        async with changing(sshd.port, place) as port:
            sshd.known_hosts.write_text(f"[127.0.0.1]:{port} {sshd.public('host')}\n")
            at = sshd.server(port=port, connect_timeout_seconds=2.0)
            async with asyncio.timeout(20):
                response = (await ssh.send(at, [HI]))[HI]
            assert isinstance(response, Answered | Unanswered)
            if isinstance(response, Unanswered):
                assert response.reason is not Reason.BUG
            await ssh.forget(at.name)


@asynccontextmanager
async def changing(port: int, place: int) -> AsyncIterator[int]:
    """A port that leads to another, and changes the byte at that place on the way back."""
    carrying: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, at: int) -> None:
        seen = 0
        while data := await reader.read(65536):
            block = bytearray(data)
            if 0 <= at - seen < len(block):
                block[at - seen] ^= 1 << (at % 8)
            seen += len(block)
            writer.write(block)

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, before = await asyncio.open_connection("127.0.0.1", port)
        ways = carry(reader, before, -1), carry(behind, writer, place)
        tasks = [asyncio.create_task(way) for way in ways]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for end in (before, writer):
            end.close()
            await asyncio.gather(end.wait_closed(), return_exceptions=True)

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(join(reader, writer))
        carrying.add(task)
        task.add_done_callback(carrying.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await asyncio.gather(*carrying)
