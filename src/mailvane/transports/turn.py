"""One batch while it runs: what has ended, what is late, what there is to act upon."""

import asyncio
import secrets
from collections.abc import Sequence
from enum import Enum

from mailvane.core.request import ShellOutput
from mailvane.core.response import Unanswered
from mailvane.transports.script import Call, Frame


class Event(Enum):
    """What there is to act upon."""

    DONE = "every command has ended"
    LATE = "the running command is over its time"
    FLOOD = "the running command writes without end"
    STUCK = "the running command was killed and still has not ended"
    TIME_UP = "the whole batch is over its time"
    LOST = "the shell is gone"


class Turn:
    """A batch and its clock; `until` is the event loop's time at which all must be over."""

    def __init__(self, calls: Sequence[Call], until: float) -> None:
        nonce = secrets.token_hex(16)
        self.nonce = nonce
        self.frame = Frame(nonce, calls)
        self.failures: dict[int, Unanswered] = {}
        self.lost = False
        self._counts = len(calls)
        self._loop = asyncio.get_running_loop()
        self._until = until
        self._timer: asyncio.TimerHandle | None = None
        self._woken: asyncio.Future[None] | None = None
        self._begin_next()

    def _begin_next(self) -> None:
        if not self.frame.complete:
            call = self.frame.calls[self.frame.answered]
            self._deadline = min(self._loop.time() + call.timeout_seconds, self._until)

    def feed(self, data: bytes, *, error: bool) -> None:
        """Bytes of the shell are taken in; whoever waits wakes when there is something to act upon."""
        before = self.frame.answered
        self.frame.feed(data, error=error)
        if self.frame.answered > before:
            self._begin_next()
        rings_too_late = self._timer and self._timer.when() > self._deadline
        if rings_too_late or self.event():
            self.wake()

    def event(self) -> Event | None:
        """What there is to act upon now."""
        if self.frame.complete:
            return Event.DONE
        if self.lost:
            return Event.LOST
        if self.frame.answered in self.failures:
            return Event.STUCK if self._loop.time() >= self._deadline else None
        if self.frame.flooded:
            return Event.FLOOD
        if (now := self._loop.time()) >= self._deadline:
            return Event.TIME_UP if now >= self._until else Event.LATE
        return None

    def wake(self) -> None:
        """Whoever waits looks again."""
        if self._woken and not self._woken.done():
            self._woken.set_result(None)

    async def wait(self) -> Event:
        """The next thing to act upon."""
        while not (event := self.event()):
            self._woken = self._loop.create_future()
            self._timer = self._loop.call_at(self._deadline, self.wake)
            try:
                await self._woken
            finally:
                self._timer.cancel()
        return event

    def allow_condemned(self, seconds: float) -> None:
        """The running call, when it has failed already, has so long to end."""
        if self.frame.answered in self.failures:
            self._deadline = self._loop.time() + seconds

    def give_up(self, index: int) -> None:
        """Nothing counts that came after the call of that index, which has failed."""
        self._counts = index + 1

    def outcomes(self) -> list[ShellOutput | Unanswered]:
        """In order: of the calls that have ended, and of one that failed."""
        ended = min(self.frame.answered, self._counts)
        outcomes = [self.failures.get(index) or self.frame.output(index) for index in range(ended)]
        if ended in self.failures:
            outcomes.append(self.failures[ended])
        return outcomes
