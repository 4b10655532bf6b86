"""Reports as JSON for programs: the health document, and beside it every report in full."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mailvane.core.health import Outlook, document, instant
from mailvane.core.region import Region
from mailvane.core.result import Metric, Report, Result
from mailvane.core.server import Server
from mailvane.core.status import worst
from mailvane.core.threshold import Threshold


def as_document(
    servers: Sequence[Server],
    reports: Mapping[str, Report],
    regions: Sequence[Region],
    now: datetime,
) -> dict[str, Any]:
    """What `GET /admin/system/health` says of these servers, with `reports` beside it.

    Only what was asked is in it: no status of Mailvane's own parts, since none of them runs.
    """
    said = document(Outlook(servers, reports, (), regions, now, fresh_for_seconds=math.inf))
    said["status"] = worst(report.status for report in reports.values())
    del said["components"]["api"]
    return {**said, "reports": [_report(reports[server.name]) for server in servers]}


def _report(report: Report) -> dict[str, Any]:
    return {
        "server": report.server,
        "status": report.status,
        "observedAt": instant(report.observed_at),
        "durationSeconds": report.duration_seconds,
        "results": [_result(result) for result in report.results],
        "notApplicable": [{"check": p.check, "why": p.why} for p in report.not_applicable],
        "notAsked": list(report.not_asked),
    }


def _result(result: Result) -> dict[str, Any]:
    return {
        "check": result.check,
        "item": result.item,
        "status": result.status,
        "summary": result.summary,
        "observedAt": instant(result.observed_at),
        "metrics": [_metric(metric) for metric in result.metrics],
        "details": dict(result.details),
        "evidence": list(result.evidence),
        "limits": result.limits,
        "fix": result.fix,
        "reason": result.reason,
    }


def _metric(metric: Metric) -> dict[str, Any]:
    """A number that JSON cannot write is not known."""
    known = metric.value is not None and math.isfinite(metric.value)
    return {
        "name": metric.name,
        "value": metric.value if known else None,
        "limit": _limit(metric.limit) if metric.limit else None,
    }


def _limit(limit: Threshold) -> dict[str, Any]:
    return {
        word: {"compare": bound.compare, "value": bound.value} if bound else None
        for word, bound in (("degraded", limit.degraded), ("unhealthy", limit.unhealthy))
    }
