"""Is there room to write?

Looks at the filesystems of `/`, of Postfix's queue and of the log (`disk_paths:` in the configuration); paths
on one filesystem are judged once.

| | degraded | unhealthy |
|---|---|---|
| space in use | from 80 % | above 90 % |
| inodes in use | from 80 % | above 90 % |
| free space on the filesystem of the queue | | at Postfix's stop line |

In use is counted as `df` does: of what programs that are not root may use.
Mail-in-a-Box warns at 70 % and calls 85 % an error, with disks of its own size in mind; the last tenth of a
disk fills within a night when a log runs wild.
The stop line is Postfix's own: with no more free than 1.5 x `message_size_limit`, or than `queue_minfree`, it
answers `452 4.3.1 Insufficient system storage` to everybody (`postconf(5)`, queue_minfree).

**Why it matters.** At the stop line no mail comes in, though the service runs and its port answers.
On a full disk Dovecot delivers nothing, logs are lost, and what rewrites files may leave them empty.

**What to do.** `du -xh -d2 PATH | sort -h | tail` shows what is large; `df -i PATH` and
`du -x --inodes -d2 PATH | sort -n | tail` what is many.
Usual: logs that are not rotated, `journalctl --vacuum-size=200M`, old packages (`apt-get clean`), mail in the
queue (see the `queue` check), a mailbox without quota.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from shlex import quote

from mailvane.checks import _postconf
from mailvane.checks.host._filesystems import Filesystem, asked, command, parse
from mailvane.core.check import Check, runbook_of
from mailvane.core.errors import GarbledAnswer
from mailvane.core.request import ShellCommand
from mailvane.core.response import Answers
from mailvane.core.result import Metric, Verdict
from mailvane.core.server import Server
from mailvane.core.status import Status, worst
from mailvane.core.threshold import Bound, Compare, Limits, Threshold, rising
from mailvane.core.words import size

USUAL = frozenset({"/var/spool/postfix", "/var/log"})
"""Paths that are asked for everywhere, so that nothing is missed when one is not there."""
SPACE_FACTOR = 1.5
"""`smtpd` wants this many times the largest message free (`smtpd_check_queue` in Postfix's source)."""
REFUSAL = "452 4.3.1 Insufficient system storage"


@dataclass(frozen=True, slots=True)
class Disks:
    """The filesystems, the paths that are on none, and where Postfix stops."""

    filesystems: tuple[Filesystem, ...]
    missing: tuple[str, ...]
    queue_path: str
    stop_line_bytes: int | None
    """Free space at which Postfix takes no more mail; None when it did not tell."""


def _command(server: Server) -> ShellCommand:
    return command(asked(server.disk_paths))


def ask(server: Server, before: Disks | None) -> Iterable[ShellCommand]:
    """One `stat` for all paths, and Postfix's sizes."""
    del before
    return (_command(server), _postconf.COMMAND)


def read(server: Server, answers: Answers, before: Disks | None) -> Disks:
    """Each filesystem once, with those of the paths that lie on it."""
    del before
    output = answers[_command(server)]
    filesystems = parse(output.output)
    if not filesystems:
        said = (output.error or output.output)[:80].decode(errors="replace")
        raise GarbledAnswer(f"expected sizes of filesystems from stat or df, found {said!r}")
    there = {path for filesystem in filesystems for path in filesystem.paths}
    postconf = _postconf.settings(answers)
    return Disks(
        filesystems=filesystems,
        missing=tuple(p for p in asked(server.disk_paths) if p not in there and p not in USUAL),
        queue_path=_postconf.queue_directory(postconf),
        stop_line_bytes=_stop_line(
            postconf.get("message_size_limit"), postconf.get("queue_minfree")
        ),
    )


def _stop_line(message_size_limit: str | None, queue_minfree: str | None) -> int | None:
    """0 as message_size_limit means that no limit is set, and so no line either."""
    words = [word for word in (message_size_limit, queue_minfree) if word]
    if len(words) != 2 or not all(re.fullmatch(r"[0-9]{1,18}", word) for word in words):
        return None
    largest, minfree = map(int, words)
    return max(int(SPACE_FACTOR * largest), minfree)


def judge(disks: Disks, limits: Limits) -> Iterable[Verdict]:
    """One verdict for each filesystem, and one for each path that is not there."""
    for filesystem in disks.filesystems:
        yield _verdict(filesystem, disks, limits)
    for path in disks.missing:
        yield Verdict(
            item=path,
            status=Status.UNKNOWN,
            summary=f"{path} is not there, or we may not look into it",
            fix="correct `disk_paths:` in the configuration",
        )


def _verdict(filesystem: Filesystem, disks: Disks, limits: Limits) -> Verdict:
    stop_line = disks.stop_line_bytes if disks.queue_path in filesystem.paths else None
    findings = [
        *_stopped(filesystem, stop_line),
        _space(filesystem, limits["space"]),
        *_inodes(filesystem, limits["inodes"]),
    ]
    status = worst(status for status, _ in findings)
    first, *others = filesystem.paths
    name = f"{first} (also {', '.join(others)})" if others else first
    said = [sentence for one, sentence in findings if one is not Status.HEALTHY]
    return Verdict(
        item=first,
        status=status,
        summary=f"{name} {'; '.join(said or [findings[0][1]])}",
        metrics=tuple(_metrics(filesystem, limits)),
        details=_details(filesystem, stop_line),
        limits=str(limits["space"]),
        fix=None if status is Status.HEALTHY else f"du -xh -d2 {quote(first)} | sort -h | tail",
    )


Finding = tuple[Status, str]


def _stopped(filesystem: Filesystem, stop_line: int | None) -> Iterable[Finding]:
    if stop_line is None:
        return
    status = Threshold(unhealthy=Bound(Compare.AT_MOST, stop_line)).judge(filesystem.free_bytes)
    if status is not Status.HEALTHY:
        free, line = size(filesystem.free_bytes), size(stop_line)
        yield status, f"has {free} free, Postfix stops at {line} and answers `{REFUSAL}`"


def _space(filesystem: Filesystem, limit: Threshold) -> Finding:
    used = filesystem.used_percent
    if used is None:
        return Status.UNKNOWN, "has no size, so that nothing tells how full it is"
    sentence = f"is {_percent(used)} full {limit}, {size(filesystem.free_bytes)} free"
    return limit.judge(used), sentence


def _inodes(filesystem: Filesystem, limit: Threshold) -> Iterable[Finding]:
    used = filesystem.inodes_used_percent
    if used is not None and limit.judge(used) is not Status.HEALTHY:
        yield limit.judge(used), f"has {_percent(used)} of its inodes in use {limit}"


def _percent(value: float) -> str:
    return f"{f'{value:.1f}'.removesuffix('.0')} %"


def _metrics(filesystem: Filesystem, limits: Limits) -> Iterable[Metric]:
    yield Metric("disk_used_percent", _rounded(filesystem.used_percent), limits["space"])
    yield Metric("disk_free_bytes", filesystem.free_bytes)
    inodes = filesystem.inodes_used_percent
    if inodes is not None:
        yield Metric("inodes_used_percent", _rounded(inodes), limits["inodes"])


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _details(filesystem: Filesystem, stop_line: int | None) -> dict[str, object]:
    return {
        "paths": list(filesystem.paths),
        "total_bytes": filesystem.total_bytes,
        "free_bytes": filesystem.free_bytes,
        "used_percent": _rounded(filesystem.used_percent),
        "inodes_used_percent": _rounded(filesystem.inodes_used_percent),
        "stop_line_bytes": stop_line,
    }


CHECK = Check[Disks](
    name="disk",
    title="Disk",
    ask=ask,
    read=read,
    judge=judge,
    limits={"space": rising(80, 90, " %"), "inodes": rising(80, 90, " %")},
    runbook=runbook_of(__name__),
)
