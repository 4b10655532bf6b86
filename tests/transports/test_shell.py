"""The framed shell, over real shells on this machine."""

import asyncio
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailvane.core.request import ShellOutput
from mailvane.core.response import Reason, Unanswered
from mailvane.transports.local import LocalShells
from mailvane.transports.script import Call, mark
from mailvane.transports.shell import Channel, Listener, Opener, Shell, shown

KINDS = {
    "sh": ("/bin/sh",),
    "dash": ("dash",),
    "bash": ("bash", "--posix"),
    "busybox": ("busybox", "sh"),
}
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/bin/sh")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


@pytest.fixture(params=KINDS)
async def shells(request: pytest.FixtureRequest) -> AsyncIterator[LocalShells]:
    """What opens shells of each kind that servers have."""
    command = KINDS[request.param]
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    opened = LocalShells(command)
    yield opened
    await opened.close()


@pytest.fixture
async def local() -> AsyncIterator[LocalShells]:
    """What opens this machine's own /bin/sh."""
    opened = LocalShells()
    yield opened
    await opened.close()


async def opened(shells: LocalShells | Opener) -> Shell:
    """An open shell."""
    shell = await Shell.open(shells.open if isinstance(shells, LocalShells) else shells)
    assert isinstance(shell, Shell), shell
    return shell


async def run(shell: Shell, *calls: Call | str, seconds: float = 20.0) -> list[object]:
    """What became of the calls."""
    asked = [call if isinstance(call, Call) else Call(call) for call in calls]
    return list((await shell.run(asked, asyncio.get_running_loop().time() + seconds)).outcomes)


def output(text: bytes, status: int = 0, error: bytes = b"") -> ShellOutput:
    """An answer."""
    return ShellOutput(status, text, error)


async def test_answers_are_exact(shells: LocalShells) -> None:
    """Status, NULs, a missing last newline, and error apart from output."""
    shell = await opened(shells)
    assert await run(
        shell,
        "exit 3",
        r"printf 'a\000b'",
        "printf 'no newline'",
        "echo out; echo err >&2",
        "printf '\\n\\n'",
        "",
    ) == [
        output(b"", 3),
        output(b"a\0b"),
        output(b"no newline"),
        output(b"out\n", error=b"err\n"),
        output(b"\n\n"),
        output(b""),
    ]


async def test_a_syntax_error_is_that_commands_own(shells: LocalShells) -> None:
    """An unfinished quote, bracket or loop ends its command; the next one runs."""
    shell = await opened(shells)
    first, second, third, last = await run(shell, "if (", "echo 'open", "done", "echo fine")
    for broken in (first, second, third):
        assert isinstance(broken, ShellOutput)
        assert broken.status != 0
        assert broken.error
    assert last == output(b"fine\n")


async def test_nothing_of_a_command_remains(shells: LocalShells) -> None:
    """Directory, variables, functions, traps and redefined words of one are unknown to the next."""
    shell = await opened(shells)
    hostile = "cd /tmp; x=1; _mv() { echo mine; }; trap 'echo bye' EXIT; exec 2>&1; set -e; false"
    assert (await run(shell, hostile, "pwd; echo $x"))[1] == output(b"/\n\n")


async def test_a_command_has_no_input(shells: LocalShells) -> None:
    """One that reads finds the end at once, and eats nothing of the frame."""
    shell = await opened(shells)
    assert await run(shell, "cat", "read x; echo $?", "echo still") == [
        output(b""),
        output(b"1\n"),
        output(b"still\n"),
    ]


async def test_the_nonce_is_nowhere_to_be_seen(shells: LocalShells) -> None:
    """A command that prints its variables, environment and arguments prints no mark."""
    shell = await opened(shells)
    looks = r'set; env; echo "$@"; tr "\0" "\n" </proc/self/environ'
    (seen,) = await run(shell, f"{{ {looks}; }} | grep -aE '[0-9a-f]{{32}}'")
    assert seen == output(b"", 1)


async def test_old_marks_forge_nothing(shells: LocalShells) -> None:
    """The marks of an earlier batch, printed again on both streams, are plain output."""
    heard: list[bytes] = []
    shell = Shell(shells.open)

    class Tap:
        def received(self, data: bytes, *, error: bool) -> None:
            heard.append(data)
            shell_open.received(data, error=error)

        def lost(self, why: str) -> None:
            shell_open.lost(why)

    async def tapped(listener: Listener) -> Channel | Unanswered:
        nonlocal shell_open
        shell_open = listener
        return await shells.open(Tap())

    shell_open: Listener = shell
    real = await Shell.open(tapped)
    assert isinstance(real, Shell)
    await run(real, "true")
    old = next(data for data in reversed(heard) if b" 0\n" in data)
    forged = f"printf '%s' '{old.decode()}'; printf '%s' '{old.decode()}' >&2; exit 7"
    assert await run(real, forged, "echo next") == [output(old, 7, old), output(b"next\n")]


async def test_output_over_the_limit_is_cut(shells: LocalShells) -> None:
    """What is over is dropped, the answer says so, and the next command is not disturbed."""
    shell = await opened(shells)
    cut, after = await run(
        shell,
        Call("i=0; while [ $i -lt 300 ]; do echo 0123456789; i=$((i+1)); done", limit_bytes=11),
        "echo next",
    )
    assert cut == ShellOutput(0, b"0123456789\n", b"", truncated=True)
    assert after == output(b"next\n")


async def test_a_hanging_command_ends_with_all_that_it_started(shells: LocalShells) -> None:
    """It is unanswered for its time, its children are gone, and the others have their answers."""
    shell = await opened(shells)
    hang = Call(
        "echo before; (sleep 7531 | sleep 7532) & sleep 7533; echo after", timeout_seconds=0.3
    )
    first, hung, last = await run(shell, "echo one", hang, "echo three")
    assert (first, last) == (output(b"one\n"), output(b"three\n"))
    assert isinstance(hung, Unanswered)
    assert hung.reason is Reason.TIMEOUT
    assert "did not end within 0.3 s" in hung.detail
    assert await none_runs("sleep", "753")
    assert shell.gone is None


async def test_a_shorter_limit_after_a_longer_one_counts(local: LocalShells) -> None:
    """Each command's own limit is in force while it runs, not the one before."""
    shell = await opened(local)
    slow = Call("sleep 7541", timeout_seconds=0.2)
    first, second = await run(shell, Call("true", timeout_seconds=60), slow, seconds=30)
    assert first == output(b"")
    assert isinstance(second, Unanswered)
    assert "0.2 s" in second.detail


async def test_a_flood_is_stopped(shells: LocalShells) -> None:
    """A command that writes without end is unanswered long before its time, and the next one runs."""
    shell = await opened(shells)
    flood, after = await run(
        shell, Call("while :; do echo floodfloodfloodflood; done", limit_bytes=100), "echo next"
    )
    assert isinstance(flood, Unanswered)
    assert flood.reason is Reason.PROTOCOL
    assert "wrote more than 4.0 MiB" in flood.detail
    assert after == output(b"next\n")


async def test_the_time_of_the_batch_ends_it(local: LocalShells) -> None:
    """When all must be over, the running command ends, those behind it never start, the shell goes."""
    shell = await opened(local)
    outcomes = await run(
        shell, "echo one", "sleep 7551", "echo never >/dev/tty; sleep 7552", seconds=0.3
    )
    assert outcomes[0] == output(b"one\n")
    assert isinstance(outcomes[1], Unanswered)
    assert "when the time of the sweep was up" in outcomes[1].detail
    assert len(outcomes) == 2
    assert shell.gone
    assert await none_runs("sleep", "755")


async def test_a_shell_that_ends_is_told(local: LocalShells) -> None:
    """A command that kills the shell leaves the answers before it, and the shell cannot be used."""
    shell = await opened(local)
    until = asyncio.get_running_loop().time() + 10
    ran = await shell.run([Call("echo one"), Call("kill -9 $$"), Call("echo no")], until)
    assert ran.outcomes == [output(b"one\n")]
    assert ran.lost
    assert shell.gone
    assert (await shell.run([Call("echo more")], until)).outcomes == []


async def test_noise_before_the_first_answer_is_ignored() -> None:
    """What start-up files print, on both streams, is nobody's answer."""
    noisy = LocalShells(("/bin/sh", "-c", "echo Welcome; echo 'mail: 3' >&2; exec /bin/sh"))
    shell = await opened(noisy)
    assert await run(shell, "echo clean") == [output(b"clean\n")]
    await noisy.close()


async def test_an_account_without_a_shell_says_what_it_printed() -> None:
    """A login that ends at once is unanswered, with the words that it had."""
    closed = LocalShells(("/bin/sh", "-c", "echo This account is not available.; sleep 0.2"))
    refused = await Shell.open(closed.open)
    assert isinstance(refused, Unanswered)
    assert refused.reason is Reason.PROTOCOL
    assert "This account is not available." in refused.detail
    assert refused.fix is not None
    await closed.close()


async def test_a_program_that_says_nothing_is_no_shell() -> None:
    """One that never answers is given up after the limit."""
    mute = LocalShells(("sleep", "7561"))
    refused = await Shell.open(mute.open, limit_seconds=0.2)
    assert isinstance(refused, Unanswered)
    assert refused.reason is Reason.TIMEOUT
    await mute.close()
    assert await none_runs("sleep", "7561")


async def test_a_program_that_cannot_be_started_is_no_shell() -> None:
    """A shell that is not there is not found."""
    refused = await Shell.open(LocalShells(("/nowhere/sh",)).open)
    assert isinstance(refused, Unanswered)
    assert refused.reason is Reason.NOT_FOUND


async def test_it_tells_that_it_is_alive(local: LocalShells) -> None:
    """A shell that answers is alive; one that stands still is closed."""
    shell = await opened(local)
    assert await shell.answers(5.0)
    os.kill(shell.pid, signal.SIGSTOP)
    assert not await shell.answers(0.2)
    assert shell.gone


@as_root
async def test_what_may_not_be_killed_is_named(local: LocalShells) -> None:
    """When the processes belong to another user, the answer names them and the shell is given up."""
    first = True
    nobody = LocalShells(NOBODY)

    async def mixed(listener: Listener) -> Channel | Unanswered:
        nonlocal first
        mine, first = first, False
        return await (local if mine else nobody).open(listener)

    shell = await Shell.open(mixed)
    assert isinstance(shell, Shell)
    until = asyncio.get_running_loop().time() + 20
    hang = Call("sleep 7571; echo x", timeout_seconds=0.2)
    ran = await shell.run([hang, Call("echo next")], until)
    (hung,) = ran.outcomes
    assert isinstance(hung, Unanswered)
    sleeper = next(process for process in ran.left[hang.script] if process.name == "sleep")
    assert f"process {sleeper.pid} (sleep)" in hung.detail
    assert hung.fix is not None
    assert hung.fix.startswith("sudo kill -9 ")
    assert shell.gone
    await local.close()
    await nobody.close()
    assert await none_runs("sleep", "7571")


class HalfKiller:
    """A second shell, that ends the running command but leaves a child of it, and says so."""

    def __init__(self, listener: Listener, victim: int) -> None:
        self._listener = listener
        self._victim = victim

    def write(self, data: bytes) -> None:
        """Answers as a shell would."""
        asked = re.search(rb"^_mv_nonce=([0-9a-f]{32})$", data, re.MULTILINE)
        if asked is None:
            return
        said = b"1 0\n"
        if b"each KILL" in data:
            (subshell,) = children(self._victim)
            (left,) = children(subshell)
            os.kill(subshell, signal.SIGKILL)
            said = b"%d:1 sleep\n" % left
        end = mark(asked[1].decode())
        outputs = [said] if b"each KILL" in data else [b"", said]
        for output_ in outputs:
            self._listener.received(output_ + end, error=False)
            self._listener.received(end, error=True)

    def close(self) -> None:
        """Nothing is open."""


async def test_what_comes_beside_a_survivor_does_not_count(local: LocalShells) -> None:
    """A process that could not be killed may write into the shell, so all behind it is asked elsewhere."""
    main: Shell | None = None

    async def mixed(listener: Listener) -> Channel | Unanswered:
        if main is None:
            return await local.open(listener)
        return HalfKiller(listener, main.pid)

    main = await opened(mixed)
    until = asyncio.get_running_loop().time() + 20
    hang = Call("sleep 7581 & wait", timeout_seconds=0.2)
    ran = await main.run([hang, Call("echo next")], until)
    (hung,) = ran.outcomes
    assert isinstance(hung, Unanswered)
    assert "we may not stop process" in hung.detail
    assert [process.name for process in ran.left[hang.script]] == ["sleep"]
    assert main.gone
    for pid in running("sleep", "7581"):
        os.kill(int(pid), signal.SIGKILL)


def children(pid: int) -> list[int]:
    """The processes that this one has started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_script_is_shown_in_one_short_line() -> None:
    """A sentence names a script by its first line, cut."""
    assert shown("\nmailq\nrm x") == "mailq…"
    assert shown("mailq") == "mailq"
    assert shown("x" * 100) == "x" * 80 + "…"


async def none_runs(name: str, argument: str) -> bool:
    """True as soon as no process of that name has an argument that begins so, False after 5 s."""
    for _ in range(100):
        if not running(name, argument):
            return True
        await asyncio.sleep(0.05)
    return False


def running(name: str, argument: str) -> list[str]:
    """Processes of that name with an argument that begins so, zombies left out."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if (
            words[0].endswith(name.encode())
            and words[1:2]
            and words[1].startswith(argument.encode())
        ):
            found.append(folder.name)
    return found
