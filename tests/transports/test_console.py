"""The console: rights, retries and what was left behind, over real shells."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailvane.core.ports import Responses
from mailvane.core.request import Right, ShellCommand, ShellOutput
from mailvane.core.response import Answered, Reason, Unanswered
from mailvane.transports.console import Console
from mailvane.transports.local import LocalShells
from mailvane.transports.script import PATH
from mailvane.transports.shell import Channel, Listener

NOW = datetime(2025, 1, 12, 18, 30, tzinfo=UTC)
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/bin/sh")
UNPRIVILEGED = NOBODY if os.geteuid() == 0 else ("/bin/sh",)
GRANTED = Right(("/bin/echo", "granted"), "nothing")
REFUSED = Right(("/bin/echo", "refused"), "the queue is not seen")
LATER = Right(("/bin/echo", "password"), "the log is not seen")
# Grants `granted`, and says yes to `password` but then asks for one, as real sudo does.
SUDO = """#!/bin/sh
echo "$*" >>{log}
case "$*" in
  *refused) echo 'sudo: a password is required' >&2; exit 1;;
  *-l*) exit 0;;
  *password) echo 'sudo: a password is required' >&2; exit 1;;
  *) shift; exec "$@";;
esac
"""
Opener = Callable[[Listener], Awaitable[Channel | Unanswered]]


@pytest.fixture
async def shells() -> AsyncIterator[LocalShells]:
    """Shells of this user."""
    opened = LocalShells()
    yield opened
    await opened.close()


@pytest.fixture
async def unprivileged() -> AsyncIterator[LocalShells]:
    """Shells of a user who is not root."""
    opened = LocalShells(UNPRIVILEGED)
    yield opened
    await opened.close()


@pytest.fixture
def sudo() -> Iterator[Path]:
    """A folder with a `sudo` that writes down how it was called, into `log`."""
    folder = Path(tempfile.mkdtemp(prefix="mailvane-sudo-"))
    folder.chmod(0o777)
    program = folder / "sudo"
    program.write_text(SUDO.format(log=folder / "log"))
    program.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def calls(folder: Path) -> list[str]:
    """How sudo was called."""
    log = folder / "log"
    return log.read_text().splitlines() if log.exists() else []


def console(opener: Opener, *, path: str = PATH, seconds: float = 20.0) -> Console:
    """A console of the server mx."""
    return Console("mx", opener, lambda: NOW, ask_seconds=seconds, path=path)


def text(responses: Responses, command: ShellCommand) -> bytes:
    """What a command answered."""
    response = responses[command]
    assert isinstance(response, Answered), response
    assert isinstance(response.value, ShellOutput)
    return response.value.output


def failure(responses: Responses, command: ShellCommand) -> Unanswered:
    """Why a command has no answer."""
    response = responses[command]
    assert isinstance(response, Unanswered), response
    return response


async def test_answers_carry_the_time(shells: LocalShells) -> None:
    """An answer was observed at the clock's time."""
    command = ShellCommand("echo hi")
    responses = await console(shells.open).ask([command])
    assert responses == {command: Answered(ShellOutput(0, b"hi\n", b""), NOW)}


async def test_one_shell_serves_all_sweeps(shells: LocalShells) -> None:
    """The same process answers again and again."""
    asked, command = console(shells.open), ShellCommand("echo $$")
    seen = {text(await asked.ask([command]), command) for _ in range(3)}
    assert len(seen) == 1


async def test_with_rights_a_command_runs_as_root(unprivileged: LocalShells, sudo: Path) -> None:
    """A granted right puts `sudo -n` before exactly its words; sudo is asked for it one time."""
    asked = console(unprivileged.open, path=f"{sudo}:{PATH}")
    command = ShellCommand("$as_root /bin/echo granted", GRANTED)
    for _ in range(3):
        assert text(await asked.ask([command]), command) == b"granted\n"
    assert calls(sudo) == ["-n -l -- /bin/echo granted", *["-n /bin/echo granted"] * 3]


async def test_without_its_right_a_command_is_not_run(
    unprivileged: LocalShells, sudo: Path
) -> None:
    """It is not permitted, with the loss and the fix, sweep after sweep without asking sudo again."""
    asked = console(unprivileged.open, path=f"{sudo}:{PATH}")
    command = ShellCommand("$as_root /bin/echo refused", REFUSED)
    other = ShellCommand("echo other")
    for _ in range(3):
        responses = await asked.ask([command, other])
        assert failure(responses, command).reason is Reason.NOT_PERMITTED
        assert "without it the queue is not seen" in failure(responses, command).detail
        assert text(responses, other) == b"other\n"
    assert calls(sudo) == ["-n -l -- /bin/echo refused"]


async def test_a_password_asked_for_later_is_a_refusal(
    unprivileged: LocalShells, sudo: Path
) -> None:
    """Where `sudo -l` says yes and sudo then wants a password, it is tried one time, not every sweep."""
    asked = console(unprivileged.open, path=f"{sudo}:{PATH}")
    command = ShellCommand("$as_root /bin/echo password", LATER)
    for _ in range(3):
        assert failure(await asked.ask([command]), command).reason is Reason.NOT_PERMITTED
    assert calls(sudo) == ["-n -l -- /bin/echo password", "-n /bin/echo password"]


async def test_after_a_reconnect_rights_are_asked_anew(
    unprivileged: LocalShells, sudo: Path
) -> None:
    """What sudo said over another connection does not count."""
    asked = console(unprivileged.open, path=f"{sudo}:{PATH}")
    command = ShellCommand("$as_root /bin/echo granted", GRANTED)
    await asked.ask([command])
    asked.forget_rights()
    await asked.ask([command])
    assert calls(sudo).count("-n -l -- /bin/echo granted") == 2


async def test_without_sudo_nothing_is_permitted(unprivileged: LocalShells) -> None:
    """Where there is no sudo at all, the command is not permitted."""
    asked = (
        console(unprivileged.open, path="/nowhere:/usr/bin:/bin")
        if not shutil.which("sudo")
        else console(unprivileged.open, path="/nowhere")
    )
    command = ShellCommand("$as_root /bin/echo granted", GRANTED)
    responses = await asked.ask([command])
    assert isinstance(responses[command], Unanswered)


async def test_a_right_can_be_tried(unprivileged: LocalShells, sudo: Path) -> None:
    """`granted` asks sudo itself each time, and runs nothing."""
    asked = console(unprivileged.open, path=f"{sudo}:{PATH}")
    assert await asked.granted(GRANTED) is True
    assert await asked.granted(REFUSED) is False
    assert calls(sudo) == ["-n -l -- /bin/echo granted", "-n -l -- /bin/echo refused"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is root")
async def test_root_needs_no_sudo(shells: LocalShells, sudo: Path) -> None:
    """As root, `$as_root` is empty, every right is granted, and sudo is never called."""
    asked = console(shells.open, path=f"{sudo}:{PATH}")
    command = ShellCommand("$as_root /bin/echo refused", REFUSED)
    assert text(await asked.ask([command]), command) == b"refused\n"
    assert await asked.granted(REFUSED) is True
    assert calls(sudo) == []


async def test_a_lost_shell_is_opened_anew(shells: LocalShells, tmp_path: Path) -> None:
    """What was running when the shell was lost is asked once more, and answered."""
    asked = console(shells.open)
    once = ShellCommand(f"mkdir {tmp_path}/x 2>/dev/null && kill -9 $$; echo second")
    before, after = ShellCommand("echo before"), ShellCommand("echo after")
    responses = await asked.ask([before, once, after])
    assert [text(responses, c) for c in (before, once, after)] == [
        b"before\n",
        b"second\n",
        b"after\n",
    ]


async def test_a_command_that_kills_the_shell_is_named(shells: LocalShells) -> None:
    """After a second time it is unanswered, and those behind it are answered."""
    killer, after = ShellCommand("kill -9 $$"), ShellCommand("echo after")
    responses = await console(shells.open).ask([killer, after])
    assert failure(responses, killer).reason is Reason.PROTOCOL
    assert "while `kill -9 $$` ran" in failure(responses, killer).detail
    assert text(responses, after) == b"after\n"


async def test_shells_are_not_opened_without_end(shells: LocalShells) -> None:
    """Commands that all kill the shell cost four shells, and each has a response."""
    opened = 0

    async def counting(listener: Listener) -> Channel | Unanswered:
        nonlocal opened
        opened += 1
        return await shells.open(listener)

    killers = [ShellCommand(f"kill -9 $$; echo {number}") for number in range(5)]
    responses = await console(counting).ask(killers)
    assert all(isinstance(responses[killer], Unanswered) for killer in killers)
    assert opened == 4


async def test_without_a_shell_all_are_unanswered() -> None:
    """Why no shell could be opened is the response to each command."""
    why = Unanswered(Reason.REFUSED, "closed")

    async def closed(listener: Listener) -> Channel | Unanswered:
        del listener
        return why

    commands = [ShellCommand("a"), ShellCommand("b")]
    asked = console(closed)
    assert await asked.ask(commands) == dict.fromkeys(commands, why)
    assert await asked.granted(GRANTED) == why
    assert not await asked.alive(0.1)


async def test_a_sweep_has_its_time(shells: LocalShells) -> None:
    """What the time did not suffice for is said to be not asked."""
    slow, behind = ShellCommand("sleep 7601"), ShellCommand("echo behind")
    responses = await console(shells.open, seconds=0.3).ask([slow, behind])
    assert failure(responses, slow).reason is Reason.TIMEOUT
    assert "was not asked" in failure(responses, behind).detail


async def test_it_knows_whether_it_is_alive(shells: LocalShells) -> None:
    """A shell that is not there yet is opened to see."""
    asked = console(shells.open)
    assert await asked.alive(5.0)
    assert await asked.alive(5.0)


async def test_a_cancelled_question_leaves_no_shell_in_doubt(shells: LocalShells) -> None:
    """After one who asked gave up, the next answers are not those to the old questions."""
    asked, command = console(shells.open), ShellCommand("echo new")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await asked.ask([ShellCommand("sleep 7611; echo old")])
    assert text(await asked.ask([command]), command) == b"new\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
async def test_a_command_still_running_is_not_started_again(tmp_path: Path) -> None:
    """While a process of it that we may not kill lives, it is held; once that is gone, it is asked."""
    root, nobody = LocalShells(), LocalShells(NOBODY)
    opened = 0

    async def kills_as_nobody(listener: Listener) -> Channel | Unanswered:
        nonlocal opened
        opened += 1
        return await (nobody if opened == 2 else root).open(listener)

    # setsid: the shell is given up, and with it its process group.
    hang = ShellCommand(
        f"setsid sh -c 'echo x >>{tmp_path}/started; exec sleep 7621' & wait", timeout_seconds=0.3
    )
    asked = console(kills_as_nobody)
    first = failure(await asked.ask([hang]), hang)
    assert "we may not stop process" in first.detail
    second = failure(await asked.ask([hang]), hang)
    assert "is not asked again while process" in second.detail
    assert second.fix is not None
    assert (tmp_path / "started").read_text() == "x\n"
    pids = [word for word in second.fix.split() if word.isdecimal()]
    ended = ShellCommand("kill -9 " + " ".join(pids) + " 2>/dev/null; sleep 0.1")
    await asked.ask([ended])
    third = failure(await asked.ask([hang]), hang)
    assert "did not end within" in third.detail
    assert (tmp_path / "started").read_text() == "x\nx\n"
    await root.close()
    await nobody.close()
