"""Every Transport keeps the same promises: this machine, a real SSH server, and a recording of this machine."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailvane.core.ports import Responses, Transport
from mailvane.core.request import Request, ShellCommand, ShellOutput, SqlQuery, TcpConnect, TcpReach
from mailvane.core.response import Answered, Unanswered
from mailvane.core.secret import Secret
from mailvane.core.server import Local, Recorded, Server
from mailvane.transports.local import LocalTransport
from mailvane.transports.recorded import RecordedTransport, Recorder
from mailvane.transports.router import Router
from mailvane.transports.ssh import SshTransport
from tests.sshd import Sshd, sshd

__all__ = ["sshd"]

NOW = datetime(2025, 1, 12, 18, 30, tzinfo=UTC)
REACH = TcpConnect("127.0.0.1", ())


class Replayed:
    """Records this machine's answers and replays them, so that a test sees the replay."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._local = LocalTransport(lambda: NOW)
        self._recorder = Recorder(self._local, folder)
        self._replay = RecordedTransport(lambda: NOW)

    async def send(self, server: Server, requests: Sequence[Request[Any]]) -> Responses:
        """As it was recorded just now."""
        await self._recorder.send(server, requests)
        there = Server(name="x", hostname="x", reach=Recorded(self._folder / server.name))
        return await self._replay.send(there, requests)

    async def forget(self, name: str) -> None:
        """Both forget."""
        await self._recorder.forget(name)
        await self._replay.forget(name)

    async def close(self) -> None:
        """Both close."""
        await self._recorder.close()
        await self._replay.close()


@pytest.fixture(params=["local", "ssh", "recorded", "router"])
async def asked(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[Transport, Server]]:
    """A transport of each kind, and a server that it reaches."""
    server = Server(name="here", hostname="localhost", reach=Local())
    transport: Transport
    match request.param:
        case "local":
            transport = LocalTransport(lambda: NOW)
        case "ssh":
            transport = SshTransport(lambda: NOW)
            server = request.getfixturevalue("sshd").server()
        case "recorded":
            transport = Replayed(tmp_path)
        case _:
            transport = Router({Local: LocalTransport(lambda: NOW)}, {})
    yield transport, server
    await transport.close()


async def send(asked: tuple[Transport, Server], *requests: Request[Any]) -> Responses:
    """The responses to the requests."""
    return await asked[0].send(asked[1], requests)


async def test_each_request_has_its_response(asked: tuple[Transport, Server]) -> None:
    """Exactly those that were asked, whatever becomes of them."""
    requests = [ShellCommand("true"), ShellCommand("false"), REACH, ShellCommand("no-such-command")]
    assert set(await send(asked, *requests)) == set(requests)


async def test_answers_are_exact(asked: tuple[Transport, Server]) -> None:
    """Status, output and error, NULs and all, observed at the clock's time."""
    command = ShellCommand(r"printf 'a\000\377'; printf 'err' >&2; exit 4")
    assert await send(asked, command) == {
        command: Answered(ShellOutput(4, b"a\0\xff", b"err"), NOW)
    }


async def test_a_failed_command_is_an_answer(asked: tuple[Transport, Server]) -> None:
    """That a command is not there is told by its status, as the shell does."""
    command = ShellCommand("no-such-command-anywhere")
    response = (await send(asked, command))[command]
    assert isinstance(response, Answered)
    assert response.value.status == 127


async def test_one_that_hangs_is_unanswered_and_alone(asked: tuple[Transport, Server]) -> None:
    """Within its own time; those before and after it are answered."""
    before, after = ShellCommand("echo before"), ShellCommand("echo after")
    hang = ShellCommand("sleep 7901", timeout_seconds=0.3)
    async with asyncio.timeout(15):
        responses = await send(asked, before, hang, after)
    assert isinstance(responses[hang], Unanswered)
    for command, text in ((before, b"before\n"), (after, b"after\n")):
        response = responses[command]
        assert isinstance(response, Answered)
        assert response.value.output == text


async def test_too_much_is_cut(asked: tuple[Transport, Server]) -> None:
    """What is over the limit is dropped, and the answer says so."""
    command = ShellCommand("yes | head -n 100", output_limit_bytes=10)
    assert await send(asked, command) == {
        command: Answered(ShellOutput(0, b"y\n" * 5, b"", truncated=True), NOW)
    }


async def test_the_locale_is_the_plain_one(asked: tuple[Transport, Server]) -> None:
    """Numbers and messages come as they are documented, and sbin is in the path."""
    command = ShellCommand('echo "$LC_ALL"; case :$PATH: in *:/usr/sbin:*) echo sbin;; esac; pwd')
    response = (await send(asked, command))[command]
    assert isinstance(response, Answered)
    assert response.value.output == b"C\nsbin\n/\n"


async def test_a_server_that_answers_is_reached(asked: tuple[Transport, Server]) -> None:
    """A TcpConnect is answered with where it was reached."""
    response = (await send(asked, REACH))[REACH]
    assert isinstance(response, Answered)
    assert isinstance(response.value, TcpReach)


async def test_nothing_asked_is_nothing_answered(asked: tuple[Transport, Server]) -> None:
    """An empty question is no mistake."""
    assert await send(asked) == {}


async def test_two_who_ask_at_once_get_their_own(asked: tuple[Transport, Server]) -> None:
    """Answers do not cross."""
    commands = [ShellCommand(f"echo {number}") for number in range(5)]
    answers = await asyncio.gather(*(send(asked, command) for command in commands))
    outputs = [
        response.value.output
        for answer in answers
        for response in answer.values()
        if isinstance(response, Answered)
    ]
    assert outputs == [b"%d\n" % number for number in range(5)]


async def test_it_can_be_asked_after_it_forgot(asked: tuple[Transport, Server]) -> None:
    """Forgetting closes what is open, twice or for a stranger is no mistake, and asking opens it anew."""
    command = ShellCommand("echo again")
    await send(asked, command)
    for name in (asked[1].name, asked[1].name, "stranger"):
        await asked[0].forget(name)
    assert isinstance((await send(asked, command))[command], Answered)


async def test_closing_twice_is_closing_once(asked: tuple[Transport, Server]) -> None:
    """The second time has nothing to do."""
    await send(asked, ShellCommand("true"))
    await asked[0].close()
    await asked[0].close()


async def test_no_failure_is_raised(asked: tuple[Transport, Server]) -> None:
    """A command that ends the shell, and a request that nobody carries, are responses."""
    killer, query = ShellCommand("kill -9 $$"), SqlQuery(Secret("sqlite://"), "select 1")
    responses = await send(asked, killer, query)
    assert isinstance(responses[killer], Unanswered)
    assert isinstance(responses[query], Unanswered)


def test_the_server_of_these_tests_is_a_real_one(sshd: Sshd) -> None:
    """The SSH server is OpenSSH's."""
    assert "Server listening" in sshd.log()
