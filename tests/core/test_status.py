"""The order of the four words."""

from itertools import permutations

from mailvane.core.status import Status, worst


def test_the_order_is_healthy_unknown_degraded_unhealthy() -> None:
    """Each word is worse than the one before it."""
    ordered = [Status.HEALTHY, Status.UNKNOWN, Status.DEGRADED, Status.UNHEALTHY]
    for count in range(1, 5):
        for some in permutations(ordered[:count]):
            assert worst(some) is ordered[count - 1]


def test_nothing_known_is_unknown() -> None:
    """The worst of nothing is not healthy."""
    assert worst([]) is Status.UNKNOWN
