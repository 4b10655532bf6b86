"""What stands under a key in Redis."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailvane.cache.document import AHEAD, LIMIT_BYTES, decode, encode, head
from mailvane.core.response import Reason
from mailvane.core.result import Metric, NotApplicable, Report, Result
from mailvane.core.server import Recorded, Server
from mailvane.core.status import Status
from mailvane.core.threshold import rising

NOW = datetime(2025, 1, 12, 18, 30, tzinfo=UTC)
SERVER = Server(name="mail-va", hostname="mail-va.example", reach=Recorded(Path("/nowhere")))
RESULT = Result(
    check="queue",
    item="deferred",
    status=Status.DEGRADED,
    summary="150 messages",
    observed_at=NOW,
    metrics=(Metric("queue_messages", 150.0, rising(100, 500)), Metric("oldest_seconds", None)),
    details={"domains": [{"domain": "a.example", "messages": 3}]},
    evidence=("A1B2 connection timed out",),
    limits="(degraded from 100, unhealthy above 500)",
    fix="postqueue -f",
    reason=Reason.TIMEOUT,
)
REPORT = Report(
    server="mail-va",
    status=Status.DEGRADED,
    observed_at=NOW,
    duration_seconds=0.25,
    results=(RESULT,),
    not_applicable=(NotApplicable("delivery", "no database"),),
    not_asked=("log",),
)


def value(report: Report = REPORT) -> bytes:
    """What stands in Redis for a report."""
    return encode(SERVER, report, NOW, 60)


def changed(**parts: Any) -> bytes:
    """The value with parts of its report replaced by others."""
    document = json.loads(value())
    document["report"].update(parts)
    return json.dumps(document).encode()


def test_a_report_comes_back_as_it_was() -> None:
    """Every field of a report survives, statuses, times, limits and missing numbers included."""
    assert decode(value(), SERVER, NOW) == REPORT


def test_age_is_left_to_the_reader() -> None:
    """The value has no age that would be wrong a second later, but says until when it is fresh."""
    document = json.loads(value())
    assert "ageSeconds" not in document
    assert "stale" not in document
    assert document["freshUntil"] == "2025-01-12T18:31:00.000Z"


def test_the_head_tells_two_reports_apart() -> None:
    """Two reports of a server that differ by a millisecond have different heads."""
    later = replace(REPORT, observed_at=NOW + timedelta(milliseconds=1))
    assert head(value()) != head(value(later))
    assert head(value()) == head(value(replace(REPORT, status=REPORT.status)))


@pytest.mark.parametrize(
    "details", [{"a": object()}, {"a": "\udc80"}, {(1, 2): 3}], ids=["object", "surrogate", "key"]
)
def test_what_is_no_json_is_left_out(details: dict[Any, Any]) -> None:
    """A report that cannot be written is left out; people still see the health."""
    document = json.loads(value(replace(REPORT, results=(replace(RESULT, details=details),))))
    assert document["status"] == "degraded"
    assert document["report"] is None


def test_a_report_over_the_limit_is_left_out() -> None:
    """A huge report makes no huge value."""
    huge = replace(RESULT, evidence=("x" * LIMIT_BYTES,))
    document = value(replace(REPORT, results=(huge,)))
    assert len(document) < 2000
    assert json.loads(document)["report"] is None


WRONG = {
    "no report": value().replace(b'"report":{', b'"raport":{'),
    "a status that is none": changed(status="fine"),
    "a number for a name": changed(server=7),
    "another server": changed(server="mail-or"),
    "a time without a zone": changed(observed_at="2025-01-12T18:30:00"),
    "no time": changed(observed_at="yesterday"),
    "results that are none": changed(results=[{"check": "queue"}]),
    "services that cannot be served": changed(
        results=[{**json.loads(value())["report"]["results"][0], "check": "services", "details": d}]
        if (d := {"services": {"postfix": 5}})
        else []
    ),
    "another format": value().replace(b'"format":1', b'"format":2'),
    "too many bytes": value() + b" " * LIMIT_BYTES,
    "half of it": value()[:-20],
    "nothing": b"",
    "nesting without end": b'{"format":1,"report":' + b"[" * 100_000,
}


@pytest.mark.parametrize("raw", WRONG.values(), ids=WRONG.keys())
def test_what_is_not_ours_is_refused(raw: bytes) -> None:
    """Whatever is not exactly a report on that server raises ValueError and nothing else."""
    with pytest.raises(ValueError, match=r"expected|found"):
        decode(raw, SERVER, NOW)


def test_a_report_from_the_future_is_not_believed() -> None:
    """A clock may be ahead by the limit and no more: else its report would stay the newest for ever."""
    assert decode(value(replace(REPORT, observed_at=NOW + AHEAD)), SERVER, NOW)
    late = replace(REPORT, observed_at=NOW + AHEAD + timedelta(seconds=1))
    with pytest.raises(ValueError, match="still to come"):
        decode(value(late), SERVER, NOW)
