"""The health document, made from reports alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailvane.core.health import Dependency, Outlook, component, document
from mailvane.core.region import Region
from mailvane.core.result import Metric, Report, Result
from mailvane.core.server import Local, Server, Service
from mailvane.core.status import Status

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
MAIL = Server(
    name="mail-va",
    hostname="mail-va.tazzi.com",
    address="192.0.2.1",
    private_address="10.0.0.1",
    region="us-east-1",
    zone="us-east-1a",
    instance_id="i-1",
    reach=Local(),
    services=(Service("postfix"), Service("dovecot")),
)
API = replace(MAIL, name="api-1", hostname="api-1.tazzi.com", role="api", zone="us-east-1b")
REGIONS = (
    Region("us-east-1", "US East (Virginia)", primary=True, zones=("us-east-1a", "us-east-1b")),
    Region("us-west-2", "US West (Oregon)"),
)


def _result(check: str, status: Status = Status.HEALTHY, item: str = "", **more: object) -> Result:
    return Result(check=check, item=item, status=status, summary=check, observed_at=NOW, **more)  # type: ignore[arg-type]


def _report(server: Server, *results: Result, status: Status = Status.HEALTHY) -> Report:
    return Report(
        server=server.name, status=status, observed_at=NOW, duration_seconds=0.1, results=results
    )


GOOD = _report(
    MAIL,
    _result("instance"),
    _result(
        "services",
        details={"services": {"postfix": {"status": "healthy"}, "dovecot": {"status": "healthy"}}},
    ),
    _result("queue", metrics=(Metric("queue_messages", 7),)),
    _result("delivery", metrics=(Metric("delivery_rate_percent", 98.46),)),
    _result("certificate", item="587", metrics=(Metric("certificate_days_left", 45),)),
    _result("certificate", item="993", metrics=(Metric("certificate_days_left", 50),)),
)


def _outlook(*reports: Report, seconds: float = 12.34, **changes: object) -> Outlook:
    outlook = Outlook(
        servers=(MAIL, API),
        reports={report.server: report for report in reports},
        dependencies=(Dependency("database", Status.HEALTHY, 0.0012),),
        regions=REGIONS,
        now=NOW + timedelta(seconds=seconds),
        fresh_for_seconds=60,
    )
    return replace(outlook, **changes)  # type: ignore[arg-type]


def test_a_mail_server_is_told_in_the_words_of_the_platform() -> None:
    """Every field of `components.mailServer` comes from a result, in the form that was agreed."""
    assert component(MAIL, GOOD, NOW + timedelta(seconds=12.34), 60) == {
        "name": "mail-va",
        "status": "healthy",
        "server": "mail-va.tazzi.com",
        "instance": "healthy",
        "services": {"postfix": "healthy", "dovecot": "healthy"},
        "queue": 7,
        "delivery": "98.5%",
        "certificate": "45d",
        "problems": [],
        "observedAt": "2026-11-24T03:00:00.000Z",
        "ageSeconds": 12.3,
        "stale": False,
    }


def test_what_was_not_seen_is_null_and_unknown() -> None:
    """Without a report there is no number, and no status but unknown."""
    seen = component(MAIL, None, NOW, 60)
    assert (seen["status"], seen["instance"]) == ("unknown", "unknown")
    assert seen["services"] == {"postfix": "unknown", "dovecot": "unknown"}
    assert [seen[key] for key in ("queue", "delivery", "certificate", "ageSeconds")] == [None] * 4
    assert seen["stale"] is True


@pytest.mark.parametrize(
    ("age", "status", "stale"), [(60, "healthy", False), (60.5, "unknown", True)]
)
def test_stale_is_never_healthy(age: float, status: str, stale: bool) -> None:
    """Older than it may be, a healthy report is unknown, with its values and its age."""
    seen = component(MAIL, GOOD, NOW + timedelta(seconds=age), 60)
    assert (seen["status"], seen["instance"], seen["stale"]) == (status, status, stale)
    assert set(seen["services"].values()) == {status}
    assert seen["queue"] == 7


def test_stale_trouble_stays_trouble() -> None:
    """What was unhealthy is not better because we stopped looking."""
    bad = replace(GOOD, status=Status.UNHEALTHY)
    assert component(MAIL, bad, NOW + timedelta(hours=1), 60)["status"] == "unhealthy"


def test_the_system_is_as_well_as_its_worst_part() -> None:
    """A degraded API server makes the whole degraded; a database that is away makes it unhealthy."""
    api = _report(API, status=Status.DEGRADED)
    assert document(_outlook(GOOD, api))["status"] == "degraded"
    away = (Dependency("database", Status.UNHEALTHY, None, reason="refused"),)
    assert document(_outlook(GOOD, api, dependencies=away))["status"] == "unhealthy"


def test_a_part_that_is_not_configured_takes_no_part() -> None:
    """Without Redis the system can be healthy; its status is unknown and says why."""
    redis = Dependency("redis", Status.UNKNOWN, applies=False, reason="not configured")
    said = document(_outlook(GOOD, _report(API), dependencies=(redis,)))
    assert said["status"] == "healthy"
    assert said["components"]["redis"] == {
        "status": "unknown",
        "responseTime": None,
        "reason": "not configured",
    }


def test_regions_show_their_zones_and_what_runs_in_them() -> None:
    """Empty zones and regions are shown; each server stands in the list of its role."""
    said = document(_outlook(GOOD, _report(API)))["regions"]
    east = said["us-east-1"]
    assert (east["name"], east["primary"], east["status"]) == (
        "US East (Virginia)",
        True,
        "healthy",
    )
    assert east["availabilityZones"]["us-east-1a"]["mailServers"] == [
        {
            "name": "mail-va",
            "instanceId": "i-1",
            "hostname": "mail-va.tazzi.com",
            "ip": "192.0.2.1",
            "privateIp": "10.0.0.1",
            "status": "healthy",
            "serviceStatus": "active",
        }
    ]
    assert [s["name"] for s in east["availabilityZones"]["us-east-1b"]["apiServers"]] == ["api-1"]
    assert (said["us-west-2"]["status"], said["us-west-2"]["availabilityZones"]) == ("unknown", {})


def test_the_overview_counts_what_is_known() -> None:
    """A server without a report is neither healthy nor in an active region."""
    assert document(_outlook(GOOD))["overview"] == {
        "totalRegions": 2,
        "activeRegions": 1,
        "totalInstances": 2,
        "healthyInstances": 1,
    }
    assert document(_outlook())["overview"]["activeRegions"] == 0


def test_problems_name_the_check_and_the_fix() -> None:
    """Whoever reads the document at 3 a.m. finds the sentence and the command in it."""
    full = _result("disk", Status.UNHEALTHY, "/", fix="journalctl --vacuum-size=100M")
    seen = component(MAIL, _report(MAIL, full), NOW, 60)
    assert seen["problems"] == [
        {
            "check": "disk",
            "item": "/",
            "status": "unhealthy",
            "summary": "disk",
            "fix": "journalctl --vacuum-size=100M",
        }
    ]


def test_without_mail_servers_there_is_no_mail_server() -> None:
    """`mailServer` is null and `mailServers` is empty when none is configured."""
    said = document(_outlook(_report(API), servers=(API,)))["components"]
    assert (said["mailServer"], said["mailServers"]) == (None, [])
