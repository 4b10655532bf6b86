"""The health document: what `GET /admin/system/health` says, made from reports.

What is not known is None (`null`) and has the status `unknown`; nothing is made up from something else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mailvane.core.freshness import freshness, status_now
from mailvane.core.region import Region
from mailvane.core.result import Report, Result
from mailvane.core.server import Server
from mailvane.core.status import Status, worst

Document = dict[str, Any]

_SERVICE_STATUS = {
    Status.HEALTHY: "active",
    Status.DEGRADED: "degraded",
    Status.UNHEALTHY: "inactive",
    Status.UNKNOWN: None,
}
_LISTS = {"api": "apiServers", "freeswitch": "freeswitchServers", "mail": "mailServers"}


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something that Mailvane itself needs, such as its database."""

    name: str
    status: Status
    response_seconds: float | None = None
    applies: bool = True
    """False: not configured; it takes no part in the overall status."""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """Everything that the health document is made from, at a moment."""

    servers: Sequence[Server]
    reports: Mapping[str, Report]
    dependencies: Sequence[Dependency]
    regions: Sequence[Region]
    now: datetime
    fresh_for_seconds: float

    def status_of(self, server: Server) -> Status:
        """What is known of a server now: `unknown` without a report or with a stale healthy one."""
        report = self.reports.get(server.name)
        if report is None:
            return Status.UNKNOWN
        return status_now(report.status, stale=self._stale(report))

    def _stale(self, report: Report) -> bool:
        return freshness(report, self.now, self.fresh_for_seconds).stale


def document(outlook: Outlook) -> Document:
    """The whole health document, as JSON values."""
    statuses = {server.name: outlook.status_of(server) for server in outlook.servers}
    parts = [part.status for part in outlook.dependencies if part.applies]
    mail = [
        component(server, outlook.reports.get(server.name), outlook.now, outlook.fresh_for_seconds)
        for server in outlook.servers
        if server.is_mail
    ]
    in_region = _by_region(outlook.servers)
    regions = {
        region.id: _region(region, in_region.get(region.id, ()), outlook, statuses)
        for region in _all_regions(outlook)
    }
    return {
        "status": worst([Status.HEALTHY, *parts, *statuses.values()]),
        "timestamp": instant(outlook.now),
        "overview": _overview(outlook, statuses),
        "components": {
            "api": {"status": Status.HEALTHY},
            **{part.name: _dependency(part) for part in outlook.dependencies},
            "mailServer": mail[0] if mail else None,
            "mailServers": mail,
        },
        "regions": regions,
    }


def component(
    server: Server, report: Report | None, now: datetime, fresh_for_seconds: float
) -> Document:
    """One mail server in the words of the health document."""
    if report is None:
        return _unseen(server)
    fresh = freshness(report, now, fresh_for_seconds)
    return {
        "name": server.name,
        "status": status_now(report.status, stale=fresh.stale),
        "server": server.hostname,
        "instance": status_now(_status(report.of("instance")), stale=fresh.stale),
        "services": _services(report.of("services"), stale=fresh.stale),
        "queue": _whole(_first(report.of("queue"), "queue_messages")),
        "delivery": _percent(_first(report.of("delivery"), "delivery_rate_percent")),
        "certificate": _days(report.of("certificate")),
        "problems": [_problem(result) for result in report.results if _matters(result)],
        "observedAt": instant(fresh.observed_at),
        "ageSeconds": round(fresh.age_seconds, 1),
        "stale": fresh.stale,
    }


def instant(moment: datetime) -> str:
    """A moment as the document writes it: UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _unseen(server: Server) -> Document:
    return {
        "name": server.name,
        "status": Status.UNKNOWN,
        "server": server.hostname,
        "instance": Status.UNKNOWN,
        "services": {service.name: Status.UNKNOWN for service in server.services or ()},
        "queue": None,
        "delivery": None,
        "certificate": None,
        "problems": [],
        "observedAt": None,
        "ageSeconds": None,
        "stale": True,
    }


def _status(results: Sequence[Result]) -> Status:
    return worst(result.status for result in results)


def _services(results: Sequence[Result], *, stale: bool) -> dict[str, Status]:
    return {
        name: status_now(Status(service["status"]), stale=stale)
        for result in results
        for name, service in result.details.get("services", {}).items()
    }


def _first(results: Sequence[Result], metric: str) -> float | None:
    return next((value for r in results if (value := r.metric(metric)) is not None), None)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}%"


def _days(results: Sequence[Result]) -> str | None:
    left = [days for r in results if (days := r.metric("certificate_days_left")) is not None]
    return f"{int(min(left))}d" if left else None


def _matters(result: Result) -> bool:
    return result.status is not Status.HEALTHY


def _problem(result: Result) -> Document:
    return {
        "check": result.check,
        "item": result.item,
        "status": result.status,
        "summary": result.summary,
        "fix": result.fix,
    }


def _dependency(part: Dependency) -> Document:
    said: Document = {
        "status": part.status,
        "responseTime": None
        if part.response_seconds is None
        else round(part.response_seconds * 1000, 1),
    }
    if part.reason:
        said["reason"] = part.reason
    return said


def _overview(outlook: Outlook, statuses: Mapping[str, Status]) -> Document:
    regions = _all_regions(outlook)
    active = {s.region for s in outlook.servers if statuses[s.name] in _ALIVE}
    return {
        "totalRegions": len(regions),
        "activeRegions": sum(region.id in active for region in regions),
        "totalInstances": len(outlook.servers),
        "healthyInstances": sum(status is Status.HEALTHY for status in statuses.values()),
    }


_ALIVE = (Status.HEALTHY, Status.DEGRADED)


def _all_regions(outlook: Outlook) -> list[Region]:
    """The configured regions, and those that only a server names."""
    known = {region.id: region for region in outlook.regions}
    for server in outlook.servers:
        if server.region and server.region not in known:
            known[server.region] = Region(server.region, server.region)
    return list(known.values())


def _by_region(servers: Iterable[Server]) -> dict[str | None, list[Server]]:
    found: dict[str | None, list[Server]] = {}
    for server in servers:
        found.setdefault(server.region, []).append(server)
    return found


def _region(
    region: Region, servers: Sequence[Server], outlook: Outlook, statuses: Mapping[str, Status]
) -> Document:
    by_zone: dict[str, list[Server]] = {zone: [] for zone in region.zones}
    for server in servers:
        by_zone.setdefault(server.zone or f"{region.id}-unknown", []).append(server)
    return {
        "name": region.name,
        "primary": region.primary,
        "status": _region_status(statuses[server.name] for server in servers),
        "availabilityZones": {zone: _zone(zone, own, outlook) for zone, own in by_zone.items()},
        "loadBalancers": [],
        "cloudwatchAlarms": [],
    }


def _region_status(statuses: Iterable[Status]) -> Status:
    """Unhealthy when none of its servers is healthy, degraded when some are not; empty: unknown."""
    seen = list(statuses)
    if not seen or all(status is Status.UNKNOWN for status in seen):
        return Status.UNKNOWN
    if all(status is Status.HEALTHY for status in seen):
        return Status.HEALTHY
    healthy = any(status in (Status.HEALTHY, Status.DEGRADED) for status in seen)
    return Status.DEGRADED if healthy else Status.UNHEALTHY


def _zone(zone: str, servers: Sequence[Server], outlook: Outlook) -> Document:
    said: Document = {"name": zone, **{name: [] for name in _LISTS.values()}}
    for server in servers:
        said.setdefault(_LISTS.get(server.role, "otherServers"), []).append(_entry(server, outlook))
    return said


def _entry(server: Server, outlook: Outlook) -> Document:
    report = outlook.reports.get(server.name)
    said: Document = {
        "name": server.name,
        "instanceId": server.instance_id,
        "hostname": server.hostname,
        "ip": server.address,
        "privateIp": server.private_address,
        "status": outlook.status_of(server),
    }
    if server.role != "api":
        services = report.of("services") if report else ()
        said["serviceStatus"] = _SERVICE_STATUS[_status(services)]
    return said
