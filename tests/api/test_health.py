"""The health document is made when it has to be, and only then."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from mailvane.api.dependencies import Dependencies
from mailvane.api.health import Conditions, HealthSource, Prepared, prepared
from mailvane.api.health_models import HealthDocument
from mailvane.core.result import Report
from mailvane.core.status import Status


@pytest.fixture
def source(world: Any) -> HealthSource:
    """The source over the world's fleet."""
    needs = world.needs
    return HealthSource(needs.fleet, needs.dependencies, needs.conditions, needs.clock, needs.ticks)


@pytest.fixture
def at(world: Any, source: HealthSource) -> Callable[[float], Prepared | None]:
    """What is current so many seconds later."""

    def look(later: float = 0.0) -> Prepared | None:
        world.clocks.advance(later)
        return source.current(world.clocks.seconds)

    return look


def _said(ready: Prepared | None) -> dict[str, Any]:
    assert ready
    return dict(json.loads(ready.body))


async def test_the_document_has_the_declared_form(source: HealthSource) -> None:
    """What is served is what the OpenAPI document describes, key by key."""
    document = HealthDocument.model_validate_json((await source.read()).body)
    assert document.status is Status.HEALTHY
    assert document.components.database
    assert document.components.database.response_time == 1.2
    assert document.components.mail_server
    assert document.components.mail_server.queue == 12


async def test_within_a_second_the_same_bytes_are_served(at: Callable[..., Any]) -> None:
    """Nothing changed: the very same document; a second later the ages have moved."""
    first = at()
    assert at(0.9) is first
    later = at(0.2)
    assert later is not first
    assert _said(later)["components"]["mailServer"]["ageSeconds"] == 1.1


async def test_a_change_shows_within_a_quarter_second(
    world: Any, at: Callable[..., Any], make_report: Callable[..., Report]
) -> None:
    """Not more often than four times a second, but no later."""
    first = at()
    world.fleet.put(make_report("mail-va", world.clocks.now, Status.DEGRADED))
    assert at(0.2) is first
    assert _said(at(0.06))["status"] == "degraded"


async def test_an_old_document_is_made_anew_at_once_on_a_change(
    world: Any, at: Callable[..., Any], make_report: Callable[..., Report]
) -> None:
    """When the last one is older than a quarter of a second, the next read has the change."""
    at()
    at(0.5)
    world.fleet.put(make_report("mail-va", world.clocks.now, Status.UNHEALTHY))
    assert _said(at(0.02))["status"] == "unhealthy"


@pytest.mark.parametrize(("cost", "rests"), [(0.01, 0.25), (0.05, 1.0), (0.7, 2.0)])
async def test_a_large_fleet_rests_longer_between_two_documents(
    world: Any, make_report: Callable[..., Report], cost: float, rests: float
) -> None:
    """Twenty times what it cost, and two seconds at most, though everything changes all the time."""

    def costly() -> Conditions:
        world.clocks.advance(cost)
        return Conditions((), 60.0)

    source = HealthSource(
        world.fleet, Dependencies({}), costly, world.needs.clock, world.needs.ticks
    )
    begun = world.clocks.seconds
    first = source.current(begun)
    world.fleet.put(make_report("mail-va", world.clocks.now, Status.DEGRADED))
    assert source.current(begun + rests - 0.01) is first
    assert source.current(begun + rests + 0.02) is not first


async def test_a_missing_report_is_waited_for(
    world: Any, source: HealthSource, at: Callable[..., Any]
) -> None:
    """A deleted report gives nothing at once; reading collects it anew, once."""
    at()
    world.fleet.drop("mail-va")
    assert at(0.1) is None
    said = _said(await source.read())
    assert world.fleet.collected == 1
    assert said["components"]["mailServer"]["observedAt"] == "2025-01-12T18:30:00.100Z"
    assert at(0.02) is not None


async def test_with_all_reports_there_reading_collects_nothing(
    world: Any, source: HealthSource
) -> None:
    """However old they are: stale ones are served as such."""
    world.clocks.advance(3600)
    said = _said(await source.read())
    assert world.fleet.collected == 0
    assert said["components"]["mailServer"]["stale"] is True
    assert said["components"]["mailServer"]["status"] == "unknown"


async def test_a_report_that_cannot_be_had_leaves_a_document(
    world: Any, source: HealthSource
) -> None:
    """When collecting brings nothing either, the server is unknown and the rest is told."""

    async def collect() -> list[Report]:
        return []

    world.fleet.drop("mail-va")
    world.fleet.collect = collect
    said = _said(await source.read())
    assert said["components"]["mailServer"]["status"] == "unknown"
    assert said["components"]["mailServer"]["queue"] is None
    world.clocks.advance(1)
    assert _said(await source.read())["timestamp"] != said["timestamp"]


async def test_a_reload_shows_in_the_next_document(world: Any, at: Callable[..., Any]) -> None:
    """Regions and freshness are asked for each time."""
    at()
    world.fresh_for_seconds[0] = 0.5
    assert _said(at(1.0))["components"]["mailServer"]["stale"] is True


async def test_time_alone_does_not_change_the_etag(at: Callable[..., Any]) -> None:
    """Ages, timestamp and response times differ, the tag does not."""
    first = at()
    later = at(5)
    assert first.body != later.body
    assert first.etag == later.etag
    assert first.etag.startswith(b'W/"')


async def test_news_change_the_etag(
    world: Any, at: Callable[..., Any], make_report: Callable[..., Report]
) -> None:
    """A new observation, a new status and turning stale each give another tag."""
    tags = [at().etag]
    world.clocks.advance(30)
    world.fleet.put(make_report("mail-va", world.clocks.now))
    tags.append(at().etag)
    world.fleet.put(make_report("mail-va", world.clocks.now, Status.DEGRADED))
    tags.append(at(0.3).etag)
    tags.append(at(61).etag)
    assert len(set(tags)) == 4


def test_text_that_looks_like_an_age_counts() -> None:
    """Only the keys themselves are passed over, not the same words inside a text."""
    one = prepared(b'{"timestamp":"a","ageSeconds":1.5,"summary":"\\"ageSeconds\\": 1"}')
    two = prepared(b'{"timestamp":"b","ageSeconds":null,"summary":"\\"ageSeconds\\": 2"}')
    same = prepared(b'{"timestamp":"c","ageSeconds":7,"summary":"\\"ageSeconds\\": 1"}')
    assert one.etag != two.etag
    assert one.etag == same.etag


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (b"{}", True),
        (b"W/{}", True),
        (b'"x", W/{}', True),
        (b"*", True),
        (b'"x"', False),
        (b"", False),
        (None, False),
        (b"\xff,,,", False),
    ],
)
def test_if_none_match_compares_weakly(header: bytes | None, *, known: bool) -> None:
    """With or without W/, in a list, or the star (RFC 9110 section 13.1.2)."""
    ready = prepared(b"{}")
    strong = ready.etag.removeprefix(b"W/")
    shown = None if header is None else header.replace(b"{}", strong)
    assert ready.known_by(shown) is known


async def test_a_thousand_servers_are_asked_only_when_something_changed(world: Any) -> None:
    """Steady reading looks at no report at all."""
    asked = []
    original = world.fleet.report

    def counting(name: str) -> Report | None:
        asked.append(name)
        return original(name)  # type: ignore[no-any-return]

    world.fleet.report = counting
    source = HealthSource(
        world.fleet,
        Dependencies({}),
        lambda: Conditions((), 60.0),
        world.needs.clock,
        world.needs.ticks,
    )
    source.current(world.clocks.seconds)
    asked.clear()
    for _ in range(50):
        source.current(world.clocks.seconds + 0.5)
    assert asked == []
