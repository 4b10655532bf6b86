"""Where a number meets a limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailvane.core.status import Status, rank
from mailvane.core.threshold import Bound, Compare, Threshold, falling, rising

QUEUE = rising(100, 500)
RATE = falling(95, 85, " %")


@pytest.mark.parametrize(
    ("value", "status"),
    [(0, "healthy"), (99, "healthy"), (100, "degraded"), (500, "degraded"), (501, "unhealthy")],
)
def test_a_rising_limit_counts_from_the_first_number_and_above_the_second(
    value: float, status: str
) -> None:
    """100 is already degraded, 500 is still degraded, 501 is unhealthy."""
    assert QUEUE.judge(value) == status


@pytest.mark.parametrize(
    ("value", "status"),
    [(95, "healthy"), (94.99, "degraded"), (85, "degraded"), (84.99, "unhealthy")],
)
def test_a_falling_limit_counts_below_each_number(value: float, status: str) -> None:
    """95 is healthy, 85 is still degraded, and just below each is worse."""
    assert RATE.judge(value) == status


@pytest.mark.parametrize(
    ("value", "status"), [(31, "healthy"), (30, "degraded"), (8, "degraded"), (7, "unhealthy")]
)
def test_at_most_includes_its_number(value: float, status: str) -> None:
    """A limit with `at most` takes its own number in."""
    days = Threshold(Bound(Compare.AT_MOST, 30), Bound(Compare.AT_MOST, 7), " days")
    assert days.judge(value) == status


def test_a_threshold_says_itself_the_same_way_everywhere() -> None:
    """The sentence part names both limits with their directions and units."""
    assert str(QUEUE) == "(degraded from 100, unhealthy above 500)"
    assert str(RATE) == "(degraded below 95 %, unhealthy below 85 %)"
    assert str(Threshold()) == ""


def test_moving_a_threshold_keeps_its_directions() -> None:
    """The configuration changes numbers, never what they mean."""
    moved = QUEUE.moved(degraded=5)
    assert [moved.judge(value) for value in (4, 5, 501)] == ["healthy", "degraded", "unhealthy"]


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_more_is_never_better_under_a_rising_limit(one: float, other: float) -> None:
    """A larger value never has a better status than a smaller one."""
    low, high = sorted((one, other))
    assert rank(QUEUE.judge(low)) <= rank(QUEUE.judge(high))


def test_a_threshold_without_limits_is_always_healthy() -> None:
    """No limit, no complaint."""
    assert Threshold().judge(1e9) is Status.HEALTHY
