"""What the script of `_log_script` printed, as values."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from mailvane.checks.host._log_kinds import CLASSES
from mailvane.checks.host._log_time import minute, zone
from mailvane.core.errors import GarbledAnswer
from mailvane.core.request import ShellOutput

LONGEST_LINE_BYTES = 65_536
"""What goes on longer than this without a line's end is no log line; it is passed over."""
_LARGEST = 2**63
_LATEST = 2**33


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file was read."""

    inode: int
    offset: int
    middle: bool = False
    """True when the offset may lie within a line."""

    def __str__(self) -> str:
        return f"{self.inode}:{self.offset}:{'m' if self.middle else 'c'}"


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of one file that was read."""

    log: str
    """The file's name without rotation."""
    start: Place
    size_bytes: int
    read_bytes: int
    skipped_bytes: int
    partial_bytes: int
    """The end of it that is not yet a whole line."""
    replaced: bool
    """True when another text stands where the remembered one ended; nothing of it was counted."""
    first: datetime | None
    """The minute of its first line."""

    @property
    def end(self) -> Place:
        """Where to read on: after the last whole line, or at the beginning of a replaced file."""
        if self.replaced:
            return Place(self.start.inode, 0)
        whole = max(0, self.read_bytes - self.partial_bytes)
        if whole == 0 and self.read_bytes >= LONGEST_LINE_BYTES:
            return Place(self.start.inode, self.start.offset + self.read_bytes, middle=True)
        middle = self.start.middle and whole == 0
        return Place(self.start.inode, self.start.offset + whole, middle)

    @property
    def left_bytes(self) -> int:
        """What stands behind the end and is still to be read."""
        return max(0, self.size_bytes - self.start.offset - self.read_bytes)


@dataclass(frozen=True, slots=True)
class Line:
    """A log line that matters."""

    kind: str
    number: int
    minute: datetime
    text: str


@dataclass(slots=True)
class LogAnswer:
    """Everything that one run of the script said."""

    now: datetime
    """The server's clock, in the server's zone."""
    parts: list[Part] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    denied: list[tuple[str, str, str]] = field(default_factory=list)
    """User, owner and mode, path."""
    truncated: list[str] = field(default_factory=list)
    lost: list[tuple[str, int]] = field(default_factory=list)
    """File and inode of a place that is found no more."""
    counts: dict[tuple[datetime, str], int] = field(default_factory=dict)
    """By minute and class; the class `lines` is all of them."""
    lines: list[Line] = field(default_factory=list)
    journal: bool = False
    restarted: bool = False
    """True when the journal no longer knew the remembered place and was read anew."""
    cursor: str | None = None
    journal_first: datetime | None = None
    total_lines: int = 0
    unparsed_lines: int = 0


def parse(shell: ShellOutput) -> LogAnswer:
    """The script's output as values; GarbledAnswer when it is anything else."""
    text = shell.output.decode(errors="replace")
    records = text.split("\n")
    if shell.truncated or not records[-2:-1] or not records[-2].startswith("done\t"):
        said = shell.error.decode(errors="replace").strip()[:160] or f"status {shell.status}"
        raise GarbledAnswer(f"expected the count of log lines to its end, found {said}")
    try:
        return _parse(iter(records[:-1]))
    except (ValueError, LookupError, StopIteration, OverflowError) as error:
        raise GarbledAnswer(f"expected counts of log lines, found {text[:80]!r}") from error


def _parse(records: Iterator[str]) -> LogAnswer:
    answer = LogAnswer(_now(next(records)))
    for record in records:
        word, _, rest = record.replace("\t", " ", 1).partition(" ")
        if word == "part":
            answer.parts.append(_part(answer.files[-1], rest, records, answer.now))
        else:
            _TAKE[word](answer, rest)
    return answer


def _take_count(answer: LogAnswer, rest: str) -> None:
    when, kind, number = rest.split("\t")
    if kind != "lines" and kind not in CLASSES:
        raise ValueError(kind)
    key = (_minute(when, answer.now), kind)
    answer.counts[key] = answer.counts.get(key, 0) + _whole(number)


def _take_line(answer: LogAnswer, rest: str) -> None:
    kind, number, when, text = rest.split("\t", 3)
    answer.lines.append(Line(kind, int(number), _minute(when, answer.now), text))


def _take_denied(answer: LogAnswer, rest: str) -> None:
    user, owner, mode, path = rest.split(" ", 3)
    answer.denied.append((user, f"{owner} {mode}", path))


def _take_lost(answer: LogAnswer, rest: str) -> None:
    inode, path = rest.split(" ", 1)
    answer.lost.append((path, _whole(inode)))


def _take_journal(answer: LogAnswer, rest: str) -> None:
    del rest
    answer.journal = True


def _take_restart(answer: LogAnswer, rest: str) -> None:
    del rest
    answer.restarted = True


def _take_cursor(answer: LogAnswer, rest: str) -> None:
    answer.cursor = rest


def _take_first(answer: LogAnswer, rest: str) -> None:
    answer.journal_first = _minute(rest, answer.now)


def _take_done(answer: LogAnswer, rest: str) -> None:
    answer.total_lines, answer.unparsed_lines = map(_whole, rest.split("\t"))


_TAKE: dict[str, Callable[[LogAnswer, str], None]] = {
    "count": _take_count,
    "line": _take_line,
    "file": lambda answer, rest: answer.files.append(rest),
    "missing": lambda answer, rest: answer.missing.append(rest),
    "denied": _take_denied,
    "truncated": lambda answer, rest: answer.truncated.append(rest),
    "lost": _take_lost,
    "journal": _take_journal,
    "restart": _take_restart,
    "cursor": _take_cursor,
    "first": _take_first,
    "done": _take_done,
}


def _now(record: str) -> datetime:
    word, seconds, offset = record.split(" ")
    if word != "now" or not 0 <= int(seconds) < _LATEST:
        raise ValueError(record)
    return datetime.fromtimestamp(int(seconds), zone(offset))


def _minute(text: str, now: datetime) -> datetime:
    """A line without a time that is read now is counted now."""
    return minute(text, now) or now.replace(second=0, microsecond=0)


def _whole(text: str) -> int:
    value = int(text)
    if not 0 <= value < _LARGEST:
        raise ValueError(text)
    return value


def _part(log: str, rest: str, records: Iterator[str], now: datetime) -> Part:
    inode, size, offset, read, skipped, mode, _ = rest.split(" ", 6)
    first, replaced = None, False
    for record in records:
        word, _, value = record.partition("\t")
        match word:
            case "first":
                first = _minute(value, now)
            case "replaced":
                replaced = True
            case "end":
                start = Place(_whole(inode), _whole(offset), mode == "m")
                sizes = (_whole(size), _whole(read), _whole(skipped), _whole(value))
                return Part(log, start, *sizes, replaced, first)
            case _:
                raise ValueError(word)
    raise ValueError("no end")
