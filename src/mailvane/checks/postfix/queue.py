"""Does mail pile up?

Counts the messages that Postfix has taken and not yet passed on: active (being delivered), deferred (failed
for now, to be tried again), hold (kept back by somebody) and incoming (just arriving).
Mail that local programs have left in `maildrop` is shown, but not counted.

| messages | status |
|---|---|
| below 100 | healthy |
| 100 to 500 | degraded |
| above 500 | unhealthy |

100 is where YunoHost warns; 500 is our own, since what a server of some hundred users has deferred on a bad
day stays below it. The age of the oldest message is shown and alarms nobody: one typing error in a domain
waits for days (`maximal_queue_lifetime`, 5 days).
Counting needs the right to run one `find` as root. Without it the first 2,000 messages of `postqueue -j` are
counted; where there are more, the number is given as "at least" and never taken for the whole.
Causes and domains are those of the first 2,000 messages; of a longer queue they are up to five minutes old.

**Why it matters.** A growing queue is mail that its senders believe delivered. After 5 days it goes back to
them, and where `delay_warning_time` is set they are told before.

**What to do.** Read the most frequent reason and where that mail goes.
One domain alone: its server is the problem; wait. Many domains with `Connection timed out`: our way out is
blocked, look at the firewall and at port 25 with the provider. `Host not found`, many domains: our resolver.
`4.7.x` from one provider: it throttles us; slow down and look who sends so much (`qshape deferred`).
Mail on hold: `postqueue -p | grep '!'`, then `postsuper -H ALL` to let it go.
When the cause is mended, `postqueue -f` tries everything again at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from mailvane.checks import _postconf
from mailvane.checks.postfix import _postqueue, _spool
from mailvane.checks.postfix._postqueue import Sample
from mailvane.core.check import Check, runbook_of
from mailvane.core.errors import DoesNotApply, GarbledAnswer, NotAnswered
from mailvane.core.request import ShellCommand
from mailvane.core.response import Answers, Unanswered
from mailvane.core.result import Metric, Verdict
from mailvane.core.server import Server
from mailvane.core.status import Status
from mailvane.core.threshold import Limits, Threshold, rising
from mailvane.core.words import duration, plural


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits in the queue, and why."""

    counts: Mapping[str, int]
    """Messages by queue."""
    complete: bool
    """False: there are at least so many."""
    sample: Sample | None
    """Causes and ages; None when `postqueue` did not tell."""
    trouble: str | None
    """Why `postqueue` did not tell, or cannot be believed for long."""
    fix: str | None
    """What to do about that, or about a count that is not complete."""
    now: datetime

    @property
    def total(self) -> int:
        """All messages that wait to be delivered."""
        return sum(self.counts.get(queue, 0) for queue in _spool.QUEUES)

    @property
    def oldest_at(self) -> datetime | None:
        """When the oldest message that was looked at arrived."""
        return self.sample.oldest_at(_spool.QUEUES) if self.sample else None

    @property
    def oldest_seconds(self) -> float | None:
        """Its age; 0 for an empty queue, None when it is not known."""
        if self.oldest_at:
            return max(0.0, (self.now - self.oldest_at).total_seconds())
        return 0.0 if self.complete and self.total == 0 else None

    @property
    def seen_all(self) -> bool:
        """True when causes and ages are those of all messages."""
        return self.sample is not None and self.sample.whole


def applies(server: Server) -> str | None:
    """A mail server."""
    return None if server.is_mail else "only a mail server has a queue"


def ask(server: Server, before: Queue | None) -> Iterable[ShellCommand]:
    """How many files there are, what `postqueue` says of them, and where Postfix keeps them."""
    del server
    return (_spool.COMMAND, _listing(before), _postconf.COMMAND)


def _listing(before: Queue | None) -> ShellCommand:
    """In a flood whose number the files give, its causes are asked for every five minutes."""
    flood = before is not None and before.complete and before.sample and before.sample.cut
    return _postqueue.IN_FLOOD if flood else _postqueue.COMMAND


def read(server: Server, answers: Answers, before: Queue | None) -> Queue:
    """The counts from the files where we may count them, else from the list that Postfix gives."""
    listing, files = _listing(before), _files(answers)
    if files and listing is _postqueue.IN_FLOOD and sum(files.values()) < _postqueue.SAMPLE:
        return Queue(
            files, True, None, None, None, answers.now
        )  # it has ebbed: its causes are past
    try:
        sample = _postqueue.sample(server, answers, listing)
    except (NotAnswered, GarbledAnswer, DoesNotApply) as error:
        if files is None:
            raise
        fix = error.unanswered.fix if isinstance(error, NotAnswered) else None
        return Queue(files, True, None, str(error), fix, answers.now)
    trouble = _postqueue.DOWN if sample.mail_system_is_down else None
    if files is None:
        if trouble:
            raise _postqueue.mail_system_is_down()
        fix = _fix(answers) if sample.cut else None
        return Queue(sample.counts, sample.whole, sample, None, fix, answers.now)
    return Queue(files, True, sample, trouble, None, answers.now)


def _files(answers: Answers) -> Mapping[str, int] | None:
    where = _postconf.queue_directory(_postconf.settings(answers))
    return _spool.messages(answers) if where == _postconf.QUEUE_DIRECTORY else None


def _fix(answers: Answers) -> str | None:
    denied = answers.get(_spool.COMMAND)
    return denied.fix if isinstance(denied, Unanswered) else None


def judge(queue: Queue, limits: Limits) -> Iterable[Verdict]:
    """The number of messages against its limits, with the most frequent causes."""
    limit = limits["messages"]
    reasons = queue.sample.reasons if queue.sample else ()
    yield Verdict(
        status=_status(queue, limit),
        summary=f"{_how_many(queue, limit)}{_why(queue)}",
        metrics=tuple(_metrics(queue, limit)),
        details=_details(queue),
        evidence=tuple(f"{count:,} x {reason}" for reason, count in reasons),
        limits=str(limit),
        fix=queue.fix,
    )


def _status(queue: Queue, limit: Threshold) -> Status:
    """A number that is only a lower bound is never taken for healthy."""
    status = limit.judge(queue.total)
    return Status.UNKNOWN if status is Status.HEALTHY and not queue.complete else status


def _how_many(queue: Queue, limit: Threshold) -> str:
    if queue.total == 0 and queue.complete:
        return "the queue is empty"
    kinds = ", ".join(f"{queue.counts[q]:,} {q}" for q in _spool.QUEUES if queue.counts.get(q))
    said = f"{plural(queue.total, 'message')} queued {limit}: {kinds}"
    return said if queue.complete else f"at least {said}"


def _why(queue: Queue) -> str:
    parts = [queue.sample.cause if queue.sample else ""]
    if queue.oldest_at and queue.oldest_seconds is not None:
        least = "" if queue.seen_all else "at least "
        parts.append(f"; oldest {least}{duration(queue.oldest_seconds)}")
    if queue.trouble:
        parts.append(f"; {queue.trouble}")
    return "".join(parts)


def _metrics(queue: Queue, limit: Threshold) -> Iterable[Metric]:
    """Numbers that are known; what is only a lower bound is None."""
    yield Metric("queue_messages", queue.total if queue.complete else None, limit)
    for name in _spool.QUEUES:
        count = queue.counts.get(name, 0) if queue.complete else None
        yield Metric(f"queue_{name}_messages", count)
    sure = queue.seen_all or queue.total == 0
    yield Metric("queue_oldest_seconds", queue.oldest_seconds if sure else None)


def _details(queue: Queue) -> dict[str, object]:
    return {
        **{name: queue.counts.get(name, 0) for name in _spool.QUEUES},
        "complete": queue.complete,
        "oldest_seconds": queue.oldest_seconds,
        "oldest_at": queue.oldest_at.isoformat() if queue.oldest_at else None,
        **(queue.sample.details() if queue.sample else {}),
    }


CHECK = Check[Queue](
    name="queue",
    title="Queue",
    ask=ask,
    read=read,
    judge=judge,
    applies=applies,
    limits={"messages": rising(100, 500)},
    runbook=runbook_of(__name__),
)
