"""Which commands a server lets us run as root, as its sudo said last.

Asked once and remembered: a refused `sudo` writes to the log and mails root, so it must not be tried every sweep.
"""

import re
import shlex
from collections.abc import Callable, Iterable

from mailvane.core.request import Right, ShellOutput
from mailvane.core.response import Reason, Unanswered
from mailvane.transports.script import Call

AS_ROOT = "sudo -n"
REMEMBERED_SECONDS = 600.0

# As sudo 1.8 and 1.9 write it with LC_ALL=C.
_REFUSAL = re.compile(
    rb"^sudo: .*(?:password is required|terminal is required|must have a tty)"
    rb"|^Sorry, user .* (?:is not allowed to execute|may not run sudo)"
    rb"|^\S+ is not in the sudoers file",
    re.MULTILINE,
)


def right_call(right: Right) -> Call:
    """Asks sudo whether it would run the command, without running it."""
    return Call(f"sudo -n -l -- {shlex.join(right.argv)} >/dev/null", limit_bytes=4096)


def refused_by_sudo(error: bytes) -> bool:
    """True when sudo itself, not the command, wrote that it refuses.

    `sudo -l` also says yes to a command that then asks for a password.
    """
    return bool(_REFUSAL.search(error[:4096]))


class Rights:
    """What is known of one server's rights."""

    def __init__(self, server: str, monotonic: Callable[[], float]) -> None:
        self._server = server
        self._monotonic = monotonic
        self._known: dict[tuple[str, ...], tuple[bool, float]] = {}

    def forget(self) -> None:
        """All is asked anew."""
        self._known.clear()

    def unknown(self, rights: Iterable[Right]) -> list[Right]:
        """Those that must be asked, each once."""
        since = self._monotonic() - REMEMBERED_SECONDS
        asked = {right.argv: right for right in rights}
        return [
            right
            for argv, right in asked.items()
            if argv not in self._known or self._known[argv][1] < since
        ]

    def learn(self, right: Right, *, granted: bool) -> None:
        """What sudo said is remembered for ten minutes."""
        self._known[right.argv] = granted, self._monotonic()

    def told(self, right: Right, outcome: ShellOutput | Unanswered) -> None:
        """The outcome of `right_call` is taken in; one that did not come leaves the right unknown."""
        if isinstance(outcome, ShellOutput):
            self.learn(right, granted=outcome.status == 0)

    def refusal(self, right: Right) -> Unanswered | None:
        """None when the right is granted, else what a check is told."""
        granted, _ = self._known.get(right.argv, (None, 0.0))
        if granted is None:
            command = shlex.join(right.argv)
            return Unanswered(
                Reason.TIMEOUT,
                f"sudo did not say whether it allows `{command}`",
                f"run `sudo -n -l {command}` on the server and look at what it waits for",
            )
        return None if granted else self.denied(right)

    def denied(self, right: Right) -> Unanswered:
        """What a check is told when sudo refuses."""
        command = shlex.join(right.argv)
        return Unanswered(
            Reason.NOT_PERMITTED,
            f"`sudo {command}` is not allowed to us; without it {right.loses}",
            f"run `mailvane access {self._server}` and install the sudoers file that it prints",
        )
