"""What the last 15 minutes of the logs mean, in a sentence."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from mailvane.checks.host._log_answer import Line
from mailvane.checks.host._log_window import Window, said
from mailvane.core.response import Unanswered
from mailvane.core.result import Metric, Verdict
from mailvane.core.status import Status, rank, worst
from mailvane.core.threshold import Limits
from mailvane.core.words import duration, plural

_NAMES = {"sasl": "SASL", "dovecot": "Dovecot", "ssh": "SSH"}
LOGINS = tuple(_NAMES)
_EVIDENCE = 10


def of_mail(
    window: Window, limits: Limits, notes: Sequence[str], details: Mapping[str, Any]
) -> Verdict:
    """Errors, saturation and warnings are judged; the rest is shown."""
    judged = {
        "error": _both(window, "error", limits, "errors", "error_share"),
        "saturation": limits["saturation"].judge(window.of("saturation")),
        "warning": _both(window, "warning", limits, "warnings", "warning_share"),
    }
    status = worst(judged.values())
    bad = next((kind for kind, found in judged.items() if found is status), "error")
    return Verdict(
        status=status,
        summary="; ".join((_summary(window, bad, limits, status), *notes)),
        metrics=(
            Metric("log_errors_15min", window.of("error"), limits["errors"]),
            Metric("log_saturation_15min", window.of("saturation"), limits["saturation"]),
            Metric("log_warnings_15min", window.of("warning"), limits["warnings"]),
            Metric("log_stranger_warnings_15min", window.of("stranger")),
            Metric("log_rejects_15min", window.of("reject")),
            Metric("log_lines_15min", window.of("lines")),
        ),
        details=details,
        evidence=_evidence(window),
        limits=_limits(limits),
        fix=None if status is Status.HEALTHY else _FIXES[bad],
    )


def of_logins(window: Window, limits: Limits, unread: Unanswered | None) -> Verdict:
    """Failed logins alarm only when they are a storm; a log that may not be read makes them unknown."""
    known = {kind: window.of(kind) for kind in LOGINS if not (unread and kind == "ssh")}
    failed, limit = sum(known.values()), limits["failed_logins"]
    status = limit.judge(failed)
    apart = ", ".join(f"{_NAMES[kind]} {count:,}" for kind, count in known.items())
    summary = f"{plural(failed, 'failed login')} {_within(window)} ({apart}) {limit}"
    if unread:
        status = Status.UNKNOWN if status is Status.HEALTHY else status
        summary = f"failed SSH logins are not known: {unread.detail}; {summary}"
    return Verdict(
        item="logins",
        status=status,
        summary=summary,
        metrics=(
            Metric("failed_logins_15min", None if unread else failed, limit),
            *(Metric(f"failed_logins_{kind}_15min", known.get(kind)) for kind in LOGINS),
        ),
        details={
            "failed_logins": {kind: known.get(kind) for kind in LOGINS},
            "window_seconds": window.length.total_seconds(),
        },
        evidence=tuple(line.text for line in window.last(*known)),
        limits=str(limit),
        fix=unread.fix if unread else None if status is Status.HEALTHY else _FIXES["logins"],
    )


_FIXES = {
    "error": "read the lines shown; the program that each names says what it lacks",
    "saturation": "raise the limit that the line names, or find who floods it",
    "warning": "read the lines shown; `postfix check` and `doveconf -n` find most causes",
    "logins": "let fail2ban watch the logs, and look for one account that is tried again and again",
}


def _both(window: Window, kind: str, limits: Limits, number: str, share: str) -> Status:
    """The milder of number and share: both limits must be passed."""
    count = window.of(kind)
    return min(limits[number].judge(count), limits[share].judge(_share(window, kind)), key=rank)


def _share(window: Window, kind: str) -> float:
    """Percent of all lines; a line that stands for several can make it no more than all."""
    lines = window.of("lines")
    return min(100.0, 100 * window.of(kind) / lines) if lines else 0.0


def _summary(window: Window, bad: str, limits: Limits, status: Status) -> str:
    lines = plural(window.of("lines"), "line")
    if status is Status.HEALTHY:
        counted = ", ".join(
            (
                plural(window.of("error"), "error"),
                plural(window.of("warning", "stranger"), "warning"),
                plural(window.of("reject"), "reject"),
            )
        )
        return f"{counted} in {lines} {_within(window)}"
    share = f", {_share(window, bad):.2g} % of {lines}"
    many, limit = {
        "error": (plural(window.of(bad), "error") + share, limits["errors"]),
        "warning": (plural(window.of(bad), "warning") + share, limits["warnings"]),
        "saturation": (
            plural(window.of(bad), "limit reached", "limits reached"),
            limits["saturation"],
        ),
    }[bad]
    last = [said(line) for line in window.last(bad)[-1:]]
    return ": ".join((f"{many} {_within(window)} {limit}", *last))


def _within(window: Window) -> str:
    """How much time the counts cover; less than 15 minutes soon after the first sweep."""
    return f"in the last {duration(max(window.length, timedelta(seconds=1)).total_seconds())}"


def _evidence(window: Window) -> tuple[str, ...]:
    """The last ten lines that matter: errors and reached limits first, then warnings, then rejects."""
    chosen: list[Line] = []
    for kinds in (("error", "saturation"), ("warning",), ("reject", "stranger")):
        room = _EVIDENCE - len(chosen)
        chosen = [*window.last(*kinds)[-room:], *chosen] if room else chosen
    order = {id(line): place for place, line in enumerate(window.lines)}
    return tuple(line.text for line in sorted(chosen, key=lambda line: order[id(line)]))


def _limits(limits: Limits) -> str:
    return (
        f"errors {limits['errors']} and {limits['error_share']} of the lines; "
        f"saturation {limits['saturation']}; "
        f"warnings {limits['warnings']} and {limits['warning_share']} of the lines"
    )


def details(window: Window, ahead: timedelta) -> dict[str, Any]:
    """The counts by kind, the time that they cover, and a clock that differs by more than a minute."""
    kinds = ("error", "saturation", "warning", "stranger", "reject", "lines")
    found: dict[str, Any] = {
        "window_seconds": window.length.total_seconds(),
        "counts": {kind: window.of(kind) for kind in kinds},
    }
    if abs(ahead) > timedelta(minutes=1):
        way = "ahead of" if ahead > timedelta() else "behind"
        found["clock"] = f"the server's clock is {duration(abs(ahead).total_seconds())} {way} ours"
        found["clock_ahead_seconds"] = round(ahead.total_seconds())
    return found
