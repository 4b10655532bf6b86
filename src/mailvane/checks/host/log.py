"""Do the logs complain?

Counts the errors, warnings, rejects and failed logins of the last 15 minutes in the mail log and in the
login log, or in the journal where there are no such files.
The logs are read on from where the last sweep ended, through rotation and truncation; the counting is done
on the server, so that only counts and the last ten lines of each kind leave it.

| of the last 15 minutes | degraded | unhealthy |
|---|---|---|
| errors | from 5 and 0.1 % of all lines | above 30 and 10 % of all lines |
| saturation | from 1 | |
| warnings | from 20 and 5 % of all lines | |
| failed logins | from 1,000 | |

- Errors: `fatal:`, `panic:` and `error:` of Postfix; `Error:`, `Fatal:` and `Panic:` of Dovecot; what OpenDKIM
  cannot load or sign; a milter, policy service or SASL server that does not answer; mail refused by our own
  fault (`45x 4.3.x`).
- Saturation: a process or client limit is reached, the queue is nearly full, no space or no open file is left.
- Warnings: other `warning:` lines. Those that any stranger can cause (a host name that does not resolve, a
  broken TLS hello, garbage in place of SMTP) are counted apart.
- Failed logins: SASL, Dovecot and SSH.

Both the number and the share must be reached: in a quiet night three warnings may be most of the log, and
on a busy server a few errors are nothing.
30 in 15 minutes is a fault that comes back twice a minute; one saturation line counts since Postfix
writes it at most once in 1,000 seconds for a service (`master(8)`).
Failed logins are weather until someone tries more than one a second. The numbers are our own; no mail
suite publishes any.
Strangers' warnings and rejects are shown and alarm nobody; deferred mail is the `queue` check's business.

**What to do.** Read the lines shown here: they name the program.
`connect to Milter service … refused`: `systemctl restart opendkim`, then look why it stopped.
`SASL … authentication failed: Connection lost`, `no SASL authentication mechanisms`: restart Dovecot.
`has reached its process limit`: raise that service's `maxproc` in master.cf, or find who floods it.
Many failed logins: let fail2ban watch these logs, and look for one account that is tried again and again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from mailvane.checks.host._log_answer import parse
from mailvane.checks.host._log_places import (
    MAIL,
    Places,
    cursor_after,
    denied,
    notes,
    places_after,
    reading_on,
    refuse_what_is_missing,
)
from mailvane.checks.host._log_verdict import details, of_logins, of_mail
from mailvane.checks.host._log_window import Window, begun, continued
from mailvane.core.check import Check, runbook_of
from mailvane.core.errors import GarbledAnswer
from mailvane.core.request import ShellCommand
from mailvane.core.response import Answers, Unanswered
from mailvane.core.result import Verdict
from mailvane.core.server import Server
from mailvane.core.threshold import Bound, Compare, Limits, Threshold, rising


@dataclass(frozen=True, slots=True)
class Log:
    """What the logs said of late, and how far they were read."""

    window: Window
    places: Places
    cursor: str | None
    mail: bool
    """True when a mail log was read, not only the log of logins."""
    unread: Unanswered | None
    """Why the log of logins could not be read."""
    notes: tuple[str, ...]
    """What was passed over, is still to be read, or was lost, as sentences."""
    ahead: timedelta
    """How far the server's clock is ahead of ours."""


def _request(server: Server, before: Log | None) -> ShellCommand:
    places, cursor = (before.places, before.cursor) if before else ((), None)
    return ShellCommand(reading_on(server, places, cursor), output_limit_bytes=131_072)


def ask(server: Server, before: Log | None) -> Iterable[ShellCommand]:
    """One script that reads on from where the last sweep ended."""
    return (_request(server, before),)


def read(server: Server, answers: Answers, before: Log | None) -> Log:
    """The counts of the last 15 minutes with what is new, and the new places."""
    request = _request(server, before)
    answer = parse(answers[request])
    refuse_what_is_missing(server, answer)
    if before is None and 0 < answer.total_lines == answer.unparsed_lines:
        raise GarbledAnswer("expected log lines that begin with a time, found none that does")
    known = before.places if before else ()
    same_kind = before is not None and bool(known) is not answer.journal
    goes_on = before if same_kind and not answer.restarted else None
    return Log(
        window=continued(goes_on.window, answer, dict(known)) if goes_on else begun(answer),
        places=places_after(answer, known),
        cursor=cursor_after(answer, before.cursor if before else None),
        mail=bool(server.log_files or answer.journal or set(answer.files) & set(MAIL)),
        unread=next((denied(*which) for which in answer.denied), None),
        notes=notes(answer, known),
        ahead=answer.now - answers.observed_at(request),
    )


def judge(log: Log, limits: Limits) -> Iterable[Verdict]:
    """One verdict for the mail log, one for the failed logins."""
    if log.mail:
        yield of_mail(log.window, limits, log.notes, details(log.window, log.ahead))
    yield of_logins(log.window, limits, log.unread)


CHECK = Check[Log](
    name="log",
    title="Logs",
    ask=ask,
    read=read,
    judge=judge,
    limits={
        "errors": rising(5, 30),
        "error_share": rising(0.1, 10, " %"),
        "saturation": Threshold(Bound(Compare.AT_LEAST, 1)),
        "warnings": Threshold(Bound(Compare.AT_LEAST, 20)),
        "warning_share": Threshold(Bound(Compare.AT_LEAST, 5), unit=" %"),
        "failed_logins": Threshold(Bound(Compare.AT_LEAST, 1000)),
    },
    runbook=runbook_of(__name__),
)
