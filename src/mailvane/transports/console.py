"""What asks one server's shell: answers for commands, whatever becomes of shells, rights and processes."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from mailvane.core.ports import Clock, Responses
from mailvane.core.request import Request, Right, ShellCommand, ShellOutput
from mailvane.core.response import Answered, Reason, Unanswered
from mailvane.transports.processes import Process, alive_call, kill_command, named, parse
from mailvane.transports.rights import AS_ROOT, Rights, refused_by_sudo, right_call
from mailvane.transports.script import PATH, Call
from mailvane.transports.shell import GREETING_SECONDS, Opener, Shell, shown

ASK_SECONDS = 25.0
"""All commands of one sweep must be over within this, under the interval of 30 s."""
SHELLS_PER_SWEEP = 4

Outcome = ShellOutput | Unanswered


class Console:
    """One server's shell, opened when it is needed and opened anew when it is gone."""

    def __init__(
        self,
        server: str,
        opener: Opener,
        clock: Clock,
        *,
        ask_seconds: float = ASK_SECONDS,
        path: str = PATH,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._opener = opener
        self._clock = clock
        self._ask_seconds = ask_seconds
        self._path = path
        self._rights = Rights(server, monotonic)
        self._shell: Shell | None = None
        self._left: dict[str, tuple[Process, ...]] = {}
        """Script -> processes of it that we may not kill."""
        self._lock = asyncio.Lock()

    async def ask(self, commands: Sequence[ShellCommand]) -> Responses:
        """A response for each command.

        1. Rights that are not known are asked, processes left over from before looked at.
        2. Commands without their right, or still running from before, are not asked.
        3. The others run in one batch; those behind one that took the shell with it in a new shell.
        """
        async with self._lock:
            until = self._until()
            shell = await self._ready()
            if isinstance(shell, Unanswered):
                return dict.fromkeys(commands, shell)
            if shell.uid != 0:
                await self._learn([c.right for c in commands if c.right], until)
            await self._look_after_left(until)
            held: dict[Request[Any], Unanswered] = {
                command: why for command in commands if (why := self._held(command, shell.uid))
            }
            asked = [command for command in commands if command not in held]
            calls = [_call(command, shell.uid) for command in asked]
            outcomes = await self._run(calls, until)
            return {**held, **self._responses(asked, outcomes, shell.uid)}

    async def granted(self, right: Right) -> bool | Unanswered:
        """Whether the server lets us run the right's command as root, asked now."""
        async with self._lock:
            shell = await self._ready()
            if isinstance(shell, Unanswered):
                return shell
            if shell.uid == 0:
                return True
            (outcome,) = await self._run([right_call(right)], self._until())
            self._rights.told(right, outcome)
            return outcome if isinstance(outcome, Unanswered) else outcome.status == 0

    async def alive(self, within_seconds: float) -> bool:
        """True when a shell answers in time, or one can be opened when there is none."""
        async with self._lock:
            if self._shell and not self._shell.gone:
                return await self._shell.answers(within_seconds)
            return isinstance(await self._ready(within_seconds), Shell)

    def forget_rights(self) -> None:
        """The connection is another one: rights are asked for anew."""
        self._rights.forget()

    def close(self) -> None:
        """Nothing is open any more."""
        if self._shell:
            self._shell.close()
        self._shell = None

    def _until(self) -> float:
        return asyncio.get_running_loop().time() + self._ask_seconds

    async def _ready(self, within_seconds: float = GREETING_SECONDS) -> Shell | Unanswered:
        if self._shell and not self._shell.gone:
            return self._shell
        self._shell = None
        shell = await Shell.open(self._opener, within_seconds, self._path)
        if isinstance(shell, Shell):
            self._shell = shell
        return shell

    async def _learn(self, rights: Sequence[Right], until: float) -> None:
        unknown = self._rights.unknown(rights)
        outcomes = await self._run([right_call(right) for right in unknown], until)
        for right, outcome in zip(unknown, outcomes, strict=True):
            self._rights.told(right, outcome)

    async def _look_after_left(self, until: float) -> None:
        """Those of the processes left over that have ended are forgotten."""
        if not self._left:
            return
        everyone = [process for processes in self._left.values() for process in processes]
        (outcome,) = await self._run([alive_call(everyone)], until)
        if isinstance(outcome, ShellOutput):
            alive = {(process.pid, process.start) for process in parse(outcome.output)}
            still = {
                script: tuple(p for p in processes if (p.pid, p.start) in alive)
                for script, processes in self._left.items()
            }
            self._left = {script: processes for script, processes in still.items() if processes}

    def _held(self, command: ShellCommand, uid: int) -> Unanswered | None:
        """Why the command must not be asked now."""
        if processes := self._left.get(command.script):
            return Unanswered(
                Reason.TIMEOUT,
                f"`{shown(command.script)}` is not asked again while {named(processes)} "
                "of an earlier time still runs",
                kill_command(processes),
            )
        return self._rights.refusal(command.right) if command.right and uid != 0 else None

    async def _run(self, calls: Sequence[Call], until: float) -> list[Outcome]:
        """An outcome for each call; the one that a shell was lost in is asked once more."""
        outcomes: list[Outcome] = []
        lost_in: set[int] = set()
        for _ in range(SHELLS_PER_SWEEP):
            if len(outcomes) == len(calls) or asyncio.get_running_loop().time() >= until:
                break
            shell = await self._ready()
            if isinstance(shell, Unanswered):
                return outcomes + [shell] * (len(calls) - len(outcomes))
            ran = await shell.run(calls[len(outcomes) :], until)
            outcomes += ran.outcomes
            self._left |= ran.left
            if ran.lost and len(outcomes) in lost_in:
                outcomes.append(_lost(calls[len(outcomes)], ran.lost))
            elif ran.lost:
                lost_in.add(len(outcomes))
        return outcomes + [_not_asked(call, self._ask_seconds) for call in calls[len(outcomes) :]]

    def _responses(
        self, commands: Sequence[ShellCommand], outcomes: Sequence[Outcome], uid: int
    ) -> dict[Request[ShellOutput], Answered[ShellOutput] | Unanswered]:
        now = self._clock()
        responses: dict[Request[ShellOutput], Answered[ShellOutput] | Unanswered] = {}
        for command, outcome in zip(commands, outcomes, strict=True):
            if isinstance(outcome, Unanswered):
                responses[command] = outcome
            elif command.right and uid != 0 and refused_by_sudo(outcome.error):
                self._rights.learn(command.right, granted=False)
                responses[command] = self._rights.denied(command.right)
            else:
                responses[command] = Answered(outcome, now)
        return responses


def _call(command: ShellCommand, uid: int) -> Call:
    as_root = AS_ROOT if command.right and uid != 0 else ""
    return Call(command.script, as_root, command.timeout_seconds, command.output_limit_bytes)


def _lost(call: Call, why: str) -> Unanswered:
    return Unanswered(
        Reason.PROTOCOL, f"the shell was lost twice while `{shown(call.script)}` ran: {why}"
    )


def _not_asked(call: Call, ask_seconds: float) -> Unanswered:
    return Unanswered(
        Reason.TIMEOUT,
        f"`{shown(call.script)}` was not asked: the commands before it took the {ask_seconds:g} s "
        "that a sweep may take, or ended the shell too often",
    )
