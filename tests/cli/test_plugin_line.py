"""The line for Nagios and its heirs, held against the guidelines' grammar."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from mailvane.cli.plugin_line import LINE_LIMIT, plugin_line
from mailvane.core.result import Metric
from mailvane.core.threshold import Bound, Compare, Threshold, falling, rising

Make = Callable[..., Any]
NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
RANGE = rf"(?:@?(?:~|{NUMBER})?:?(?:{NUMBER})?)"
DATUM = rf"'[^'=|]+'=(?:{NUMBER}(?:s|%|B|c)?|U);{RANGE};{RANGE};(?:{NUMBER})?(?:;(?:{NUMBER})?)?"
LINE = re.compile(
    rf"MAILVANE (HEALTHY|DEGRADED|UNHEALTHY|UNKNOWN) - [^|\n]+(?: \| {DATUM}(?: {DATUM})*)?"
)
HOSTILE = "a|b='c'\n\x1b[31m;d\u202e"


def _line(server: Make, report: Make) -> str:
    return plugin_line([server(report.server)], {report.server: report})


def test_the_whole_line(run: Make, troubled: Any) -> None:
    """Status, the problems with the worst first, and the metrics with their limits."""
    assert run(troubled, "check", "--plugin").stdout == (
        "MAILVANE DEGRADED - "
        "mail-va: 150 messages queued (degraded from 100, unhealthy above 500); "
        "mail-va: cannot read /var/log/mail.log (root:adm 0640) as monitor"
        " | 'mail-va instance connect_seconds'=0.0123s;;;0 'mail-va queue_messages'=150;100;500;0\n"
    )


def test_a_healthy_line(server: Make, result: Make, report: Make) -> None:
    """All well is said in one sentence with the number of servers and results."""
    line = _line(server, report("mail-va", result("queue", "healthy", "no message queued")))
    assert line == "MAILVANE HEALTHY - 1 server, 1 result, all healthy"


def test_nothing_known_is_not_all_healthy(server: Make, report: Make) -> None:
    """A server without results is named, not counted as healthy."""
    assert _line(server, report("mail-va")) == (
        "MAILVANE UNKNOWN - nothing could be asked of mail-va"
    )


def test_no_server_at_all() -> None:
    """Even an empty list makes a line that says so."""
    assert plugin_line([], {}) == "MAILVANE UNKNOWN - nothing could be asked"


@pytest.mark.parametrize(
    ("metric", "datum"),
    [
        (Metric("queue_messages", None), "U;;;0"),
        (Metric("age_seconds", None), "U;;;0"),
        (Metric("x", float("nan")), "U;;;0"),
        (Metric("age_seconds", 1.5), "1.5s;;;0"),
        (Metric("used_percent", 80.25, rising(80, 90)), "80.25%;80;90;0"),
        (Metric("free_bytes", 2**40), "1099511627776B;;;0"),
        (Metric("mails_counter", 7), "7c;;;0"),
        (Metric("days_left", 12, falling(30, 7)), "12;30:;7:;0"),
        (Metric("days_left", -2, falling(30, 7)), "-2;30:;7:;"),
        (Metric("x", 1e-7), "0;;;0"),
        (Metric("x", 3, Threshold(unhealthy=Bound(Compare.AT_MOST, 7))), "3;;7:;0"),
    ],
)
def test_performance_data(
    server: Make, result: Make, report: Make, metric: Metric, datum: str
) -> None:
    """Unit by the end of the name, `U` without one for what is not known, `N:` where less is worse."""
    line = _line(server, report("m", result("c", "healthy", "well", metrics=(metric,))))
    assert line.partition(" | ")[2] == f"'m c {metric.name}'={datum}"
    assert LINE.fullmatch(line)


def test_labels_are_unique(server: Make, result: Make, report: Make) -> None:
    """Two checks or items with a metric of the same name have different labels."""
    metrics = (Metric("value", 1),)
    results = [
        result(check, "healthy", "well", item=item, metrics=metrics)
        for check in ("relay", "quota")
        for item in ("a", "b")
    ]
    labels = re.findall(r"'([^']+)'=", _line(server, report("m", *results)))
    assert labels == ["m relay a value", "m relay b value", "m quota a value", "m quota b value"]


def test_hostile_text_keeps_to_the_grammar(server: Make, result: Make, report: Make) -> None:
    """Pipes, quotes, line ends and escape sequences from a server cannot end the text or forge data."""
    metrics = (Metric("value", 1),)
    line = _line(
        server, report("m", result("c", "degraded", HOSTILE, item=HOSTILE, metrics=metrics))
    )
    assert LINE.fullmatch(line)
    assert line.isprintable()


def test_a_line_is_never_cut_within_a_datum(server: Make, result: Make, report: Make) -> None:
    """The line keeps under Nagios' 8 KiB; what does not fit is left out whole, and counted."""
    results = [
        result(
            "disk",
            "degraded",
            f"{n} " + "ä" * 900,
            item=f"/srv/{n}",
            metrics=(Metric("used_percent", n),),
        )
        for n in range(500)
    ]
    line = _line(server, report("mail-va", *results))
    assert LINE.fullmatch(line)
    assert len(line.encode()) <= LINE_LIMIT
    left = int(re.search(r"\((\d+) metrics left out", line)[1])
    assert left + line.count("used_percent'=") == 500
    assert "and 495 problems more" in line


def test_the_worst_problem_is_said_first(server: Make, result: Make, report: Make) -> None:
    """Problems are ordered by how bad they are, so that a cut line still says the worst."""
    results = [
        result("a", status, status) for status in ("unknown", "unhealthy", "healthy", "degraded")
    ]
    line = _line(server, report("m", *results))
    places = [line.index(f"m: {word}") for word in ("unhealthy", "degraded", "unknown")]
    assert all(a < b for a, b in pairwise(places))
