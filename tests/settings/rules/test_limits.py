"""Limits: known checks, known names, and degraded before unhealthy."""

import re

import pytest

from mailvane.core.threshold import Bound, Compare, Threshold, falling, rising
from mailvane.settings.model.limits import LimitSection
from mailvane.settings.problems import Problems
from mailvane.settings.rules.limits import check_limits, rises

KNOWN = {
    "queue": {"messages": rising(100, 500)},
    "delivery": {"rate": falling(95, 85)},
    "alive": {"gone": Threshold(unhealthy=Bound(Compare.ABOVE, 1))},
    "instance": {},
}


def section(**numbers: float) -> LimitSection:
    """The numbers as a document holds them: texts."""
    return LimitSection.model_validate({name: str(value) for name, value in numbers.items()})


def told(check: str, limit: str, **numbers: float) -> list[str]:
    """What is wrong with one limit."""
    problems = Problems("f")
    table = {check: {limit: section(**numbers)}}
    check_limits(table, ("limits",), {}, KNOWN, problems)
    return [message for _, message in problems._wrong.values()]


@pytest.mark.parametrize(
    ("check", "limit", "numbers"),
    [
        ("queue", "messages", {"degraded": 500}),
        ("queue", "messages", {"unhealthy": 100}),
        ("queue", "messages", {"degraded": 1, "unhealthy": 1}),
        ("delivery", "rate", {"degraded": 85}),
        ("delivery", "rate", {"unhealthy": 95}),
        ("alive", "gone", {"unhealthy": 5}),
    ],
)
def test_numbers_in_the_right_order_are_taken(
    check: str, limit: str, numbers: dict[str, float]
) -> None:
    """Up to where the two meet."""
    assert told(check, limit, **numbers) == []


@pytest.mark.parametrize(
    ("check", "limit", "numbers", "says"),
    [
        (
            "queue",
            "messages",
            {"degraded": 501},
            "more is worse here.* degraded 501, unhealthy 500",
        ),
        ("queue", "messages", {"unhealthy": 99}, "more is worse here"),
        ("delivery", "rate", {"degraded": 84}, "less is worse here.* degraded 84, unhealthy 85"),
        ("delivery", "rate", {"degraded": 90, "unhealthy": 91}, "less is worse here"),
        ("alive", "gone", {"degraded": 5}, "this limit is never degraded; remove the line"),
        ("queue", "mesages", {}, 'queue has no such limit; did you mean "messages"?'),
        ("queue", "zzz", {}, "queue has no such limit; known: messages"),
        ("queu", "messages", {}, 'unknown check; did you mean "queue"?'),
        ("zzz", "messages", {}, "unknown check; known: alive, delivery, queue"),
        ("instance", "x", {}, "instance has no such limit; none is known here"),
    ],
)
def test_what_is_wrong_is_told(
    check: str, limit: str, numbers: dict[str, float], says: str
) -> None:
    """Directions, unknown names and what would be without effect."""
    (message,) = told(check, limit, **numbers)
    assert re.search(says.replace("?", r"\?"), message)


def test_a_layer_is_judged_on_those_below_it() -> None:
    """A number that fits the check's own limits may not fit what was moved before."""
    problems = Problems("f")
    table = {"queue": {"messages": section(degraded=10, unhealthy=20)}}
    below = check_limits(table, ("limits",), {}, KNOWN, problems)
    above = {"queue": {"messages": section(degraded=30)}}
    check_limits(above, ("servers", 0, "limits"), below, KNOWN, problems)
    ((path, (_, message)),) = problems._wrong.items()
    assert path == ("servers", 0, "limits", "queue", "messages")
    assert message.endswith("in force is degraded 30, unhealthy 20")


@pytest.mark.parametrize(
    ("compare", "more"),
    [
        (Compare.AT_LEAST, True),
        (Compare.ABOVE, True),
        (Compare.BELOW, False),
        (Compare.AT_MOST, False),
    ],
)
def test_a_bound_has_a_direction(compare: Compare, more: bool) -> None:
    """More or less is worse."""
    assert rises(Bound(compare, 1)) is more
