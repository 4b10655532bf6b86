"""So many attempts at once, so many in the long run."""

from collections.abc import Callable

import pytest

from mailvane.api.buckets import Buckets


class Ticks:
    """Seconds as the test has them."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        """Now."""
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    """A clock that stands."""
    return Ticks()


@pytest.fixture
def make(ticks: Ticks) -> Callable[..., Buckets]:
    """Buckets of three at once and one every ten seconds."""
    return lambda **more: Buckets(3, 10.0, ticks, **more)


def test_so_many_are_allowed_at_once(make: Callable[..., Buckets]) -> None:
    """Three pass, the fourth is told how long to wait."""
    buckets = make()
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 10.0]


def test_a_refused_attempt_costs_nothing(make: Callable[..., Buckets], ticks: Ticks) -> None:
    """Hammering does not lengthen the wait."""
    buckets = make()
    for _ in range(50):
        buckets.take("a")
    ticks.now += 10
    assert buckets.take("a") == 0.0
    assert buckets.take("a") == 10.0


def test_a_bucket_fills_up_and_no_further(make: Callable[..., Buckets], ticks: Ticks) -> None:
    """After a long rest there are three again, not more."""
    buckets = make()
    for _ in range(3):
        buckets.take("a")
    ticks.now += 4
    assert buckets.take("a") == pytest.approx(6.0)
    ticks.now += 10_000
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 10.0]


def test_each_key_has_its_own(make: Callable[..., Buckets]) -> None:
    """One who is refused locks nobody else out."""
    buckets = make()
    for _ in range(4):
        buckets.take("a")
    assert buckets.take("b") == 0.0


def test_what_is_given_back_can_be_taken_again(make: Callable[..., Buckets]) -> None:
    """A success does not count, and never makes more than three."""
    buckets = make()
    for _ in range(10):
        assert buckets.take("a") == 0.0
        buckets.give_back("a")
    buckets.give_back("a")
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 10.0]


def test_the_number_of_buckets_is_bounded(make: Callable[..., Buckets]) -> None:
    """A flood of keys forgets the one used longest ago, and keeps the one used last."""
    buckets = make(bound=10)
    for _ in range(4):
        buckets.take("old")
    for number in range(9):
        buckets.take(f"key {number}")
    assert buckets.take("old") > 0
    for number in range(10):
        buckets.take(f"other {number}")
    assert len(buckets._buckets) == 10
    assert buckets.take("old") == 0.0
