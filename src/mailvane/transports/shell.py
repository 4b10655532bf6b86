"""A long-lived `sh` somewhere, that runs batches of framed commands, each within its limits.

The limits cost nothing while all is well: one timer per batch, looked at again only when it rings.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mailvane.core.request import ShellOutput
from mailvane.core.response import Reason, Unanswered
from mailvane.core.words import size
from mailvane.transports.processes import Process, kill_call, kill_command, named, parse
from mailvane.transports.script import PATH, Call, frame_text, mark, ping_text, preamble
from mailvane.transports.turn import Event, Turn

GREETING_SECONDS = 8.0
KILL_SECONDS = 5.0
_PING = Call("", timeout_seconds=60)
RECOVER_SECONDS = 1.0
"""How long a shell may take to go on after its command was killed."""


class Listener(Protocol):
    """Whoever hears what a channel brings."""

    def received(self, data: bytes, *, error: bool) -> None:
        """Bytes of standard output, or of standard error."""
        ...

    def lost(self, why: str) -> None:
        """Nothing will come any more; `why` ends a sentence such as "the shell was lost: …"."""
        ...


class Channel(Protocol):
    """The two ends of an open `/bin/sh`."""

    def write(self, data: bytes) -> None:
        """The shell will read these bytes."""
        ...

    def close(self) -> None:
        """Nothing more is heard of it."""
        ...


Opener = Callable[[Listener], Awaitable[Channel | Unanswered]]
"""Opens a `/bin/sh` whose output the listener hears, within a limit of its own."""


@dataclass(slots=True)
class Ran:
    """What became of a batch."""

    outcomes: list[ShellOutput | Unanswered] = field(default_factory=list)
    """In order; fewer than the calls when the shell did not survive the last one, or was lost."""
    left: dict[str, tuple[Process, ...]] = field(default_factory=dict)
    """Script -> processes of it that could not be killed."""
    lost: str | None = None
    """Why the shell was lost, when it ended without our doing."""


class Shell:
    """An open, framed `sh`; runs one batch at a time."""

    def __init__(self, opener: Opener) -> None:
        self.pid = 0
        self.uid = -1
        self.gone: str | None = None
        """Why it cannot be used any more; None while it can."""
        self._opener = opener
        self._channel: Channel | None = None
        self._turn: Turn | None = None
        self._early = b""
        """The start of what came before we wrote anything."""

    @classmethod
    async def open(
        cls, opener: Opener, limit_seconds: float = GREETING_SECONDS, path: str = PATH
    ) -> "Shell | Unanswered":
        """A shell that has answered a first question; what was printed before that is ignored.

        `path` is the PATH of its commands.
        """
        shell = cls(opener)
        channel = await opener(shell)
        if isinstance(channel, Unanswered):
            return channel
        shell._channel = channel
        try:
            channel.write(preamble(path).encode())
            return await shell._greet(limit_seconds)
        finally:
            if shell.pid == 0:
                shell.close()

    async def _greet(self, limit_seconds: float) -> "Shell | Unanswered":
        noise = Call("", timeout_seconds=limit_seconds, limit_bytes=4096)
        who = Call('echo "$$ $(id -u)"', timeout_seconds=limit_seconds, limit_bytes=4096)
        turn = Turn((noise, who), asyncio.get_running_loop().time() + limit_seconds)
        event = await self._take(turn)
        self._turn = None
        if event is Event.DONE:
            words = turn.frame.output(1).output.split()
            if len(words) == 2 and all(word.isdigit() for word in words):
                self.pid, self.uid = (int(word) for word in words)
                return self
        said = (self._early + turn.frame.begun()).decode(errors="replace").strip()
        return _no_shell(event, said, self.gone, limit_seconds)

    async def _take(self, turn: Turn, text: bytes = b"") -> Event:
        """The first event of the turn, whose frame or `text` is written to the shell."""
        self._turn = turn
        if self._channel and not self.gone:
            self._channel.write(text or frame_text(turn.nonce, turn.frame.calls))
        turn.lost = self.gone is not None
        return await turn.wait()

    async def run(self, calls: Sequence[Call], until: float) -> Ran:
        """What became of the calls; `until` is the event loop's time at which all must be over.

        1. All are written at once and run one after the other.
        2. One that is late or floods is killed with all that it started, and the shell goes on.
        3. When something of it survives, or the time of all is up, the shell is given up, and with it
           what came after: the survivor may write into it.
        """
        turn, ran = Turn(calls, until), Ran()
        try:
            event = await self._take(turn)
            while event not in (Event.DONE, Event.LOST):
                index = turn.frame.answered
                if not await self._end_current(turn, ran, event):
                    turn.give_up(index)
                    self.close()
                    break
                event = await turn.wait()
            ran.outcomes = turn.outcomes()
            ran.lost = self.gone if event is Event.LOST else None
        finally:
            self._turn = None
            if not turn.frame.complete:
                self.close()
        return ran

    async def answers(self, within_seconds: float) -> bool:
        """True when it answers in time; otherwise it is closed. Starts no process."""
        turn = Turn((_PING,), asyncio.get_running_loop().time() + within_seconds)
        turn.frame.feed(mark(turn.nonce), error=True)
        alive = await self._take(turn, ping_text(turn.nonce)) is Event.DONE
        self._turn = None
        if not alive:
            self.close()
        return alive

    async def _end_current(self, turn: Turn, ran: Ran, event: Event) -> bool:
        """True when all of the running call was killed, so that the shell should go on."""
        if event is Event.STUCK:
            await self._kill(whole=True)
            return False
        index = turn.frame.answered
        call = turn.frame.calls[index]
        turn.failures[index] = _failure(event, call)
        left = await self._kill(whole=event is Event.TIME_UP)
        if left:
            ran.left[call.script] = left
            turn.failures[index] = _with_survivors(turn.failures[index], left)
        turn.allow_condemned(RECOVER_SECONDS)
        return event is not Event.TIME_UP and left == ()

    async def _kill(self, *, whole: bool) -> tuple[Process, ...] | None:
        """All that the shell runs is over, with `whole` the shell too; what is not is returned.

        None when no second channel could do it.
        """
        until = asyncio.get_running_loop().time() + KILL_SECONDS
        killer = await Shell.open(self._opener, KILL_SECONDS)
        if isinstance(killer, Unanswered):
            return None
        turn = Turn((kill_call(self.pid, whole=whole),), until)
        event = await killer._take(turn)  # noqa: SLF001  another one of this class
        killer.close()
        return parse(turn.frame.output(0).output) if event is Event.DONE else None

    def close(self) -> None:
        """It cannot be used any more."""
        self.lost("it was closed")
        if self._channel:
            self._channel.close()
            self._channel = None

    def received(self, data: bytes, *, error: bool) -> None:
        """As a Listener; what comes between batches belongs to nothing and is dropped."""
        if self._turn:
            self._turn.feed(data, error=error)
        elif self.pid == 0:
            self._early = (self._early + data)[:400]

    def lost(self, why: str) -> None:
        """As a Listener."""
        self.gone = self.gone or why
        if self._turn:
            self._turn.lost = True
            self._turn.wake()


def shown(script: str) -> str:
    """The first line of a script, short enough for a sentence."""
    line, _, rest = script.strip().partition("\n")
    return f"{line[:80]}…" if rest or len(line) > 80 else line


def _failure(event: Event, call: Call) -> Unanswered:
    if event is Event.FLOOD:
        return Unanswered(
            Reason.PROTOCOL,
            f"`{shown(call.script)}` wrote more than {size(call.flood_bytes)} and was stopped",
            "run it by hand and look at what it writes",
        )
    if event is Event.TIME_UP:
        return Unanswered(
            Reason.TIMEOUT, f"`{shown(call.script)}` still ran when the time of the sweep was up"
        )
    return Unanswered(
        Reason.TIMEOUT, f"`{shown(call.script)}` did not end within {call.timeout_seconds:g} s"
    )


def _with_survivors(failure: Unanswered, left: Sequence[Process]) -> Unanswered:
    detail = f"{failure.detail}; we may not stop {named(left)}"
    return Unanswered(failure.reason, detail, kill_command(left))


def _no_shell(event: Event, said: str, gone: str | None, limit_seconds: float) -> Unanswered:
    printed = f"; it printed {said[:200]!r}" if said else ""
    reason = Reason.PROTOCOL
    match event:
        case Event.LOST:
            detail = f"the login worked, but the shell was lost at once: {gone}{printed}"
        case Event.DONE:
            detail = f"`/bin/sh` answered, but not with its process number and user{printed}"
        case Event.FLOOD:
            detail = (
                f"the login worked, but instead of a shell something writes without end{printed}"
            )
        case _:
            reason = Reason.TIMEOUT
            detail = (
                f"the login worked, but no `/bin/sh` answered within {limit_seconds:g} s{printed}"
            )
    return Unanswered(reason, detail, "give the user a login shell, such as `chsh -s /bin/sh USER`")
