"""Reports as JSON for programs: the health document, and beside it every report in full."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mailvane.core.health import Outlook, document, instant
from mailvane.core.region import Region
from mailvane.core.result import Metric, NotApplicable, Report, Result
from mailvane.core.server import Server
from mailvane.core.status import worst
from mailvane.core.threshold import Bound

Titles = Mapping[str, str]
"""Check -> what people read."""


def as_document(
    servers: Sequence[Server],
    reports: Mapping[str, Report],
    regions: Sequence[Region],
    titles: Titles,
    now: datetime,
) -> dict[str, Any]:
    """What `GET /admin/system/health` says of these servers, with their reports beside it.

    No status of Mailvane's own parts is in it, since none of them was asked.
    Each of the `reports` has the keys of `GET /api/v1/servers/NAME`, without the runbooks.
    """
    said = document(Outlook(servers, reports, (), regions, now, fresh_for_seconds=math.inf))
    said["status"] = worst(report.status for report in reports.values())
    del said["components"]["api"]
    full = [_report(server, reports[server.name], titles, now) for server in servers]
    return {**said, "reports": full}


def _report(server: Server, report: Report, titles: Titles, now: datetime) -> dict[str, Any]:
    return {
        "name": server.name,
        "role": server.role,
        "hostname": server.hostname,
        "address": server.address,
        "private_address": server.private_address,
        "region": server.region,
        "zone": server.zone,
        "instance_id": server.instance_id,
        "status": report.status,
        "observed_at": instant(report.observed_at),
        "age_seconds": round((now - report.observed_at).total_seconds(), 1),
        "stale": False,
        "duration_seconds": report.duration_seconds,
        "results": [_result(result, titles) for result in report.results],
        "not_applicable": [_left_out(part, titles) for part in report.not_applicable],
        "not_asked": list(report.not_asked),
    }


def _result(result: Result, titles: Titles) -> dict[str, Any]:
    return {
        "check": result.check,
        "title": titles.get(result.check, result.check),
        "item": result.item,
        "status": result.status,
        "summary": result.summary,
        "observed_at": instant(result.observed_at),
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
        "degraded": _bound(metric.limit.degraded if metric.limit else None),
        "unhealthy": _bound(metric.limit.unhealthy if metric.limit else None),
    }


def _bound(bound: Bound | None) -> dict[str, Any] | None:
    return {"compare": bound.compare, "value": bound.value} if bound else None


def _left_out(part: NotApplicable, titles: Titles) -> dict[str, str]:
    return {"check": part.check, "title": titles.get(part.check, part.check), "why": part.why}
