"""Reports as one line of the monitoring plug-in protocol, which Nagios and its heirs read.

The form is that of the Monitoring Plugins Development Guidelines, "Plugin Output for Nagios" and
"Performance data": `TEXT | 'label'=value[UOM];[warn];[crit];[min];[max]`.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from mailvane.cli.console import clean
from mailvane.core.result import Metric, Report, Result
from mailvane.core.server import Server
from mailvane.core.status import Status, rank, worst
from mailvane.core.threshold import Bound, Compare
from mailvane.core.words import plural

PROBLEMS_SHOWN = 5
LINE_LIMIT = 8_000
"""Nagios cuts a plug-in's output off at 8 KiB (MAX_PLUGIN_OUTPUT_LENGTH); a half datum is none."""
_UNITS = (("_seconds", "s"), ("_percent", "%"), ("_bytes", "B"), ("_counter", "c"))


def plugin_line(servers: Sequence[Server], reports: Mapping[str, Report]) -> str:
    """The line: status, what is wrong, and every metric as performance data, as many as it holds."""
    status = worst(report.status for report in reports.values())
    text = f"MAILVANE {status.upper()} - {_text([reports[server.name] for server in servers])}"
    data = list(_data(reports[server.name] for server in servers))
    kept = _that_fit(data, LINE_LIMIT - len(text.encode()) - 100)
    if len(kept) < len(data):
        text += (
            f" ({plural(len(data) - len(kept), 'metric')} left out: ask fewer servers at a time)"
        )
    return f"{text} | {' '.join(kept)}" if kept else text


def _text(reports: Sequence[Report]) -> str:
    """The problems, the worst first; what several checks of a server say alike is said once."""
    problems = {
        _plain(f"{report.server}: {result.summary}"): rank(result.status)
        for report in reports
        for result in report.results
        if result.status is not Status.HEALTHY
    }
    said = sorted(problems, key=lambda problem: -problems[problem])
    more = len(said) - PROBLEMS_SHOWN
    shown = [*said[:PROBLEMS_SHOWN], *([f"and {plural(more, 'problem')} more"] if more > 0 else [])]
    return "; ".join(shown) or _well(reports)


def _well(reports: Sequence[Report]) -> str:
    silent = [report.server for report in reports if not report.results]
    if silent or not reports:
        return _plain(f"nothing could be asked{' of ' if silent else ''}{', '.join(silent)}")
    results = sum(len(report.results) for report in reports)
    return f"{plural(len(reports), 'server')}, {plural(results, 'result')}, all healthy"


def _plain(text: str) -> str:
    """`|` ends the text and begins the performance data: none may stand in the text."""
    return clean(text).replace("|", "/")[:400]


def _data(reports: Iterable[Report]) -> Iterable[str]:
    for report in reports:
        for result in report.results:
            for metric in result.metrics:
                yield _datum(_label(report.server, result, metric), metric)


def _label(server: str, result: Result, metric: Metric) -> str:
    """Unique for server, check, item and metric; the guidelines forbid `=` and `'` in it."""
    check = "" if metric.name.startswith(result.check) else result.check
    words = " ".join(word for word in (server, check, result.item, metric.name) if word)
    return re.sub(r"[='|]", "_", clean(words))


def _datum(label: str, metric: Metric) -> str:
    limit = metric.limit
    warn, crit = (_range(limit.degraded), _range(limit.unhealthy)) if limit else ("", "")
    unit = next((unit for end, unit in _UNITS if metric.name.endswith(end)), "")
    if metric.value is None or not math.isfinite(metric.value):
        value, unit = "U", ""
    else:
        value = _number(metric.value)
    least = "" if metric.value is not None and metric.value < 0 else "0"
    return f"'{label}'={value}{unit};{warn};{crit};{least}"


def _range(bound: Bound | None) -> str:
    """The range that is fine: `100` is 0 to 100, `7:` is 7 and more."""
    if bound is None:
        return ""
    below = bound.compare in (Compare.BELOW, Compare.AT_MOST)
    return _number(bound.value) + (":" if below else "")


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _that_fit(data: Sequence[str], limit: int) -> list[str]:
    kept: list[str] = []
    for datum in data:
        limit -= len(datum.encode()) + 1
        if limit < 0:
            break
        kept.append(datum)
    return kept
