"""The last 15 minutes of the logs: a fold over what each sweep adds."""

import re
from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailvane.checks.host._log_answer import Line, LogAnswer
from mailvane.checks.host._log_script import JOURNAL_LINES

WINDOW = timedelta(minutes=15)
_LINES_KEPT = 10
_HEAD = re.compile(
    r"(?:\d{4}-\d\d-\d\dT\S+|[A-Z][a-z]{2} [ \d]\d [\d:]{8}|<\d+>1 \S+) +\S+ ", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Window:
    """Counts by minute and class, and the last lines of each class."""

    now: datetime
    """The server's clock, in the server's zone."""
    since: datetime
    """From when on everything is counted."""
    counts: tuple[tuple[datetime, str, int], ...] = ()
    lines: tuple[Line, ...] = ()

    def of(self, *kinds: str) -> int:
        """How many there were of these classes together."""
        return sum(count for _, kind, count in self.counts if kind in kinds)

    def last(self, *kinds: str) -> tuple[Line, ...]:
        """The last ten lines of these classes, the newest last."""
        return tuple(line for line in self.lines if line.kind in kinds)[-_LINES_KEPT:]

    @property
    def length(self) -> timedelta:
        """How much time the counts cover: 15 minutes, or less soon after the first sweep."""
        return max(timedelta(), min(WINDOW, self.now - self.since))


def begun(answer: LogAnswer) -> Window:
    """The window of a first sweep: from the earliest line on that was read of every log."""
    starts = [part.first or answer.now for part in answer.parts]
    if answer.journal:
        capped = answer.total_lines >= JOURNAL_LINES and answer.journal_first
        starts.append(capped or answer.now - WINDOW)
    return _slid(Window(answer.now, max(starts, default=answer.now)), answer)


def continued(before: Window, answer: LogAnswer, known: Container[str]) -> Window:
    """The window of a later sweep; what was passed over shortens it, and so does a log not yet known."""
    gaps = [
        part.first or answer.now
        for part in answer.parts
        if part.skipped_bytes or part.replaced or (part.first and part.log not in known)
    ]
    since = max([before.since, *gaps])
    return _slid(Window(answer.now, since, before.counts, before.lines), answer)


def _slid(before: Window, answer: LogAnswer) -> Window:
    first = answer.now.replace(second=0, microsecond=0) - WINDOW + timedelta(minutes=1)
    counts = Counter({(when, kind): count for when, kind, count in before.counts})
    counts.update(answer.counts)
    lines = (*before.lines, *sorted(answer.lines, key=lambda line: line.number))
    return Window(
        answer.now,
        before.since,
        tuple((when, kind, n) for (when, kind), n in counts.items() if when >= first),
        tuple(_last_of_each(line for line in lines if line.minute >= first)),
    )


def _last_of_each(lines: Iterable[Line]) -> Iterable[Line]:
    """Ten lines of each class, in the order in which they came."""
    seen: Counter[str] = Counter()
    kept = []
    for line in reversed(tuple(lines)):
        seen[line.kind] += 1
        if seen[line.kind] <= _LINES_KEPT:
            kept.append(line)
    return reversed(kept)


def said(line: Line, longest: int = 120) -> str:
    """What the program said, without the time and the host's name."""
    text = _HEAD.sub("", line.text, count=1)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
