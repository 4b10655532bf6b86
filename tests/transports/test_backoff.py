"""Waits between tries."""

from mailvane.transports.backoff import Backoff


class Time:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Now."""
        return self.now


def backoff(time: Time, chance: float = 0.0) -> Backoff:
    """A back-off from 60 to 200 seconds."""
    return Backoff(60, 200, monotonic=time, chance=lambda: chance)


def test_without_a_failure_nothing_waits() -> None:
    """The first try is at once."""
    assert backoff(Time()).left_seconds == 0


def test_each_failure_doubles_the_wait_up_to_the_most() -> None:
    """60, 120, then 200 seconds for good."""
    waits = backoff(Time())
    seen = []
    for _ in range(4):
        waits.failed()
        seen.append(waits.left_seconds)
    assert seen == [60, 120, 200, 200]


def test_the_wait_runs_out() -> None:
    """It lasts until its time and no longer."""
    time = Time()
    waits = backoff(time)
    waits.failed()
    time.now += 59.9
    assert waits.left_seconds > 0
    time.now += 0.1
    assert waits.left_seconds == 0


def test_chance_makes_it_longer_never_shorter() -> None:
    """The jitter adds up to a fifth, so that a promised pause is kept."""
    waits = backoff(Time(), chance=1.0)
    waits.failed()
    assert waits.left_seconds == 72


def test_lifted_it_begins_anew() -> None:
    """After a success the next failure waits the first time again."""
    waits = backoff(Time())
    waits.failed()
    waits.failed()
    waits.lift()
    assert waits.left_seconds == 0
    waits.failed()
    assert waits.left_seconds == 60
