"""Reports as text for people: what is wrong first, each with what to do about it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from mailvane.cli.console import STYLES, columns, line, marked, shape
from mailvane.core.result import NotApplicable, Report, Result
from mailvane.core.server import Server
from mailvane.core.status import Status, rank, worst
from mailvane.core.words import plural

if TYPE_CHECKING:
    from rich.text import Text

EVIDENCE_SHOWN = 3
"""Lines of a log that are shown under a problem; `--json` has them all."""


def told(servers: Sequence[Server], reports: Mapping[str, Report], *, brief: bool) -> list["Text"]:
    """Every server as a block, then one line for all; brief: only those that are not healthy."""
    lines: list[Text] = []
    for server in servers:
        report = reports[server.name]
        if not brief or report.status is not Status.HEALTHY:
            lines += [*block(server, report), line("")]
    return [*lines, overall(list(reports.values()))]


def block(server: Server, report: Report) -> list["Text"]:
    """One server: its status, its problems with their fixes, then what is well."""
    groups = grouped(report.results)
    rows = columns([_cells(group) for group in groups], indent="  ")
    lines = [_head(server, report)]
    for group, row in zip(groups, rows, strict=True):
        lines += [row, *_below(group)]
    return [*lines, *_left_out(report)]


def grouped(results: Sequence[Result]) -> list[list[Result]]:
    """The worst first; those that say the very same, such as that nobody answers, together."""
    groups: dict[tuple[Status, str, str | None], list[Result]] = {}
    for result in sorted(results, key=lambda result: -rank(result.status)):
        groups.setdefault((result.status, result.summary, result.fix), []).append(result)
    return list(groups.values())


def overall(reports: Sequence[Report]) -> "Text":
    """All servers in one line: the worst status, and how many have which."""
    status = worst(report.status for report in reports)
    counts = Counter(report.status for report in reports)
    said = ", ".join(f"{counts[status]} {status}" for status in reversed(Status) if counts[status])
    return line(marked(status), f": {plural(len(reports), 'server')}{said and ', '}{said}")


def _head(server: Server, report: Report) -> "Text":
    from rich.text import Text

    seen = f"{report.observed_at:%Y-%m-%d %H:%M:%S} UTC in {report.duration_seconds:.1f} s"
    name = Text.assemble((line(server.name).plain, "bold"))
    where = Text(line(f"  ({server.hostname}, {seen})").plain, "dim")
    word = Text(f" {report.status}", STYLES[report.status])
    return line(Text(shape(report.status) + " ", STYLES[report.status]), name, word, where)


def _cells(group: Sequence[Result]) -> tuple["Text | str", ...]:
    what = plural(len(group), "result") if len(group) > 1 else _name(group[0])
    return (marked(group[0].status, padded=True), what, group[0].summary)


def _name(result: Result) -> str:
    return f"{result.check} {result.item}" if result.item else result.check


def _below(group: Sequence[Result]) -> Iterable["Text"]:
    if len(group) > 1:
        yield line(f"      {', '.join(_name(result) for result in group)}")
    if group[0].status is Status.HEALTHY:
        return
    for result in group:
        for written in result.evidence[-EVIDENCE_SHOWN:]:
            yield line("      | ", written, style="dim")
    if group[0].fix:
        yield line(f"      → {group[0].fix}")


def _left_out(report: Report) -> Iterable["Text"]:
    if report.not_asked:
        names = ", ".join(report.not_asked)
        yield line(f"  not asked, since the machine is down: {names}", style="dim")
    if report.not_applicable:
        yield line(f"  not applicable: {_reasons(report.not_applicable)}", style="dim")


def _reasons(parts: Sequence[NotApplicable]) -> str:
    """Checks that share a reason share its mention."""
    by_reason: dict[str, list[str]] = {}
    for part in parts:
        by_reason.setdefault(part.why, []).append(part.check)
    return "; ".join(f"{', '.join(checks)} ({why})" for why, checks in by_reason.items())
