"""What is told of each server, and how one is swept now."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from mailvane.core.accounts import Role
from mailvane.core.result import Report


@pytest.fixture
async def viewer(world: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may look."""
    async with world.client(headers=await world.bearer(Role.VIEWER)) as client:
        yield client


@pytest.fixture
async def operator(world: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may sweep."""
    async with world.client(headers=await world.bearer(Role.OPERATOR)) as client:
        yield client


async def test_all_servers_at_a_glance(world: Any, viewer: httpx.AsyncClient) -> None:
    """In the order of the configuration, with status and age."""
    world.clocks.advance(12.34)
    servers = (await viewer.get("/api/v1/servers")).json()["servers"]
    assert [server["name"] for server in servers] == ["mail-va", "api-1"]
    assert servers[0] == {
        "name": "mail-va",
        "role": "mail",
        "hostname": "mail-va.example.com",
        "address": None,
        "private_address": None,
        "region": "us-east-1",
        "zone": "us-east-1a",
        "instance_id": None,
        "status": "healthy",
        "observed_at": "2025-01-12T18:30:00Z",
        "age_seconds": 12.3,
        "stale": False,
    }


async def test_a_stale_healthy_report_is_unknown(world: Any, viewer: httpx.AsyncClient) -> None:
    """At the limit it is fresh, above it nobody vouches for it any more."""
    world.clocks.advance(60)
    assert await _status(viewer) == ("healthy", False)
    world.clocks.advance(0.1)
    assert await _status(viewer) == ("unknown", True)


async def _status(viewer: httpx.AsyncClient) -> tuple[str, bool]:
    said = (await viewer.get("/api/v1/servers/mail-va")).json()
    return said["status"], said["stale"]


async def test_before_the_first_report_nothing_is_known(
    world: Any, viewer: httpx.AsyncClient
) -> None:
    """Unknown, null and empty; nothing is asked because somebody looks."""
    world.fleet.drop("mail-va")
    said = (await viewer.get("/api/v1/servers/mail-va")).json()
    assert (said["status"], said["observed_at"], said["age_seconds"], said["stale"]) == (
        *("unknown", None, None, True),
    )
    assert (said["results"], said["duration_seconds"]) == ([], None)
    assert world.fleet.swept == []


async def test_a_report_is_told_in_full(viewer: httpx.AsyncClient) -> None:
    """Every result with title, runbook, limits, fix, evidence, details and metrics."""
    said = (await viewer.get("/api/v1/servers/mail-va")).json()
    assert said["results"][0] == {
        "check": "queue",
        "title": "Mail queue",
        "item": "",
        "status": "healthy",
        "summary": "12 messages (degraded from 100, unhealthy above 500)",
        "observed_at": "2025-01-12T18:30:00Z",
        "metrics": [
            {
                "name": "queue_messages",
                "value": 12.0,
                "degraded": {"compare": "from", "value": 100.0},
                "unhealthy": {"compare": "above", "value": 500.0},
            },
            {"name": "odd", "value": None, "degraded": None, "unhealthy": None},
        ],
        "details": {"by": {"active": 12}},
        "evidence": ["<script>alert(1)</script>"],
        "limits": "(degraded from 100, unhealthy above 500)",
        "fix": "postqueue -p",
        "reason": None,
        "runbook": "Too many mails wait.",
    }
    assert said["not_asked"] == ["disk"]
    assert said["not_applicable"] == [
        {"check": "delivery", "title": "delivery", "why": "no database is configured"}
    ]


async def test_a_custom_check_has_its_own_title_and_runbook(viewer: httpx.AsyncClient) -> None:
    """From the server's configuration; and the reason why it is unknown."""
    relay = (await viewer.get("/api/v1/servers/mail-va")).json()["results"][1]
    assert (relay["title"], relay["runbook"]) == ("Relay host", "Look at it.")
    assert (relay["status"], relay["reason"]) == ("unknown", "timeout")


@pytest.mark.parametrize(
    "name", ["nobody", "MAIL-VA", "%2e%2e%2fetc", "mail-va%00", "a" * 128, "%F0%9F%93%AC"]
)
async def test_an_unknown_server_is_404(viewer: httpx.AsyncClient, name: str) -> None:
    """Whatever is asked for, nothing of it is repeated."""
    said = await viewer.get(f"/api/v1/servers/{name}")
    assert said.status_code == 404
    assert name not in said.text


async def test_a_name_that_is_too_long_is_refused(viewer: httpx.AsyncClient) -> None:
    """Above 128 letters it is no name."""
    assert (await viewer.get(f"/api/v1/servers/{'a' * 129}")).status_code == 422


async def test_an_operator_sweeps_a_server_now(world: Any, operator: httpx.AsyncClient) -> None:
    """The answer is the new report, and so is what everyone reads from then on."""
    world.clocks.advance(100)
    said = await operator.post("/api/v1/servers/mail-va/sweep")
    assert (said.status_code, said.json()["age_seconds"]) == (200, 0.0)
    assert world.fleet.swept == ["mail-va"]
    assert (await operator.get("/api/v1/servers/mail-va")).json() == said.json()


async def test_a_viewer_does_not_sweep(world: Any, viewer: httpx.AsyncClient) -> None:
    """403, and the server is left in peace."""
    assert (await viewer.post("/api/v1/servers/mail-va/sweep")).status_code == 403
    assert world.fleet.swept == []


async def test_sweeps_are_bounded_for_each_server(world: Any, operator: httpx.AsyncClient) -> None:
    """Three at once, then one every ten seconds; another server is not concerned."""
    url = "/api/v1/servers/mail-va/sweep"
    codes = [(await operator.post(url)).status_code for _ in range(5)]
    assert codes == [200] * 3 + [429] * 2
    assert (await operator.post("/api/v1/servers/api-1/sweep")).status_code == 200
    world.clocks.advance(10)
    assert (await operator.post(url)).status_code == 200
    assert (await operator.post(url)).status_code == 429


async def test_an_unknown_server_is_not_swept(world: Any, operator: httpx.AsyncClient) -> None:
    """404, and no bucket is spent on invented names."""
    assert (await operator.post("/api/v1/servers/nobody/sweep")).status_code == 404
    assert world.fleet.swept == []


async def test_the_newest_report_is_told(
    world: Any, viewer: httpx.AsyncClient, make_report: Callable[..., Report]
) -> None:
    """What the fleet knows is read each time."""
    world.fleet.put(make_report("mail-va", world.clocks.now, "degraded"))
    assert await _status(viewer) == ("degraded", False)


async def test_the_catalogue_has_runbooks_and_limits(viewer: httpx.AsyncClient) -> None:
    """With direction, number, unit, source, and the sentence part that results show."""
    said = (await viewer.get("/api/v1/checks")).json()["checks"]
    assert json.loads(json.dumps(said)) == [
        {
            "name": "queue",
            "title": "Mail queue",
            "gate": False,
            "runbook": "Too many mails wait.",
            "limits": [
                {
                    "name": "messages",
                    "degraded": {"compare": "from", "value": 100.0},
                    "unhealthy": {"compare": "above", "value": 500.0},
                    "unit": "",
                    "source": "DESIGN",
                    "text": "(degraded from 100, unhealthy above 500)",
                }
            ],
        }
    ]
