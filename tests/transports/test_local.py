"""This machine, asked over its own shell."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import uvloop

from mailvane.core.request import ShellCommand, ShellOutput, TcpConnect, TcpReach
from mailvane.core.response import Answered
from mailvane.core.server import Local, Server
from mailvane.transports.local import THIS_MACHINE, LocalTransport

NOW = datetime(2025, 1, 12, 18, 30, tzinfo=UTC)
HERE = Server(name="here", hostname="localhost", reach=Local())


@pytest.fixture
async def local() -> AsyncIterator[LocalTransport]:
    """The transport of this machine."""
    transport = LocalTransport(lambda: NOW)
    yield transport
    await transport.close()


async def output(local: LocalTransport, script: str) -> bytes:
    """What a script writes."""
    command = ShellCommand(script)
    response = (await local.send(HERE, [command]))[command]
    assert isinstance(response, Answered), response
    assert isinstance(response.value, ShellOutput)
    return response.value.output


async def test_this_machine_is_always_reached(local: LocalTransport) -> None:
    """Without any connection: we run on it."""
    request = TcpConnect("localhost", (25,))
    assert await local.send(HERE, [request]) == {
        request: Answered(TcpReach(THIS_MACHINE, 0, None), NOW)
    }


async def test_commands_and_reach_in_one_question(local: LocalTransport) -> None:
    """Each request has its response."""
    requests = [ShellCommand("echo hi"), TcpConnect("localhost", (25,))]
    assert set(await local.send(HERE, requests)) == set(requests)


async def test_our_secrets_are_not_handed_on(
    local: LocalTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command sees nothing of the environment that Mailvane was started with."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://mailvane:hunter2@db/x")
    assert b"hunter2" not in await output(local, "env; cat /proc/$$/environ")


async def test_forgotten_its_shell_ends(local: LocalTransport) -> None:
    """The next question has another shell, and the old one is gone."""
    before = int(await output(local, "echo $$"))
    await local.forget("here")
    assert int(await output(local, "echo $$")) != before
    await local.forget("never heard of")


async def test_closed_nothing_of_it_runs() -> None:
    """Even a command that runs is gone with its shell."""
    local = LocalTransport(lambda: NOW)
    pid = int(await output(local, "echo $$"))
    hanging = asyncio.create_task(local.send(HERE, [ShellCommand("sleep 7701")]))
    await asyncio.sleep(0.1)
    await local.close()
    hanging.cancel()
    await asyncio.wait([hanging])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_it_works_on_the_loop_that_serves() -> None:
    """Under uvloop: an answer, a command that is stopped, and a clean end."""

    async def asked() -> list[object]:
        local = LocalTransport(lambda: NOW)
        commands = [ShellCommand("echo hi"), ShellCommand("sleep 7702", timeout_seconds=0.2)]
        responses = await local.send(HERE, commands)
        await local.close()
        return list(responses.values())

    answered, stopped = uvloop.run(asked())
    assert answered == Answered(ShellOutput(0, b"hi\n", b""), NOW)
    assert "did not end within 0.2 s" in str(stopped)
