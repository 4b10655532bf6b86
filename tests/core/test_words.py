"""Numbers as people read them."""

import pytest

from mailvane.core.words import duration, plural, size


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59.6, "1 min"),
        (61, "1 min"),
        (3_600, "1 h"),
        (93_900, "1 d 2 h"),
        (5e5, "5 d 18 h"),
    ],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds: float, said: str) -> None:
    """No one needs the seconds of a day."""
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1.5 * 2**30, "1.5 GiB")]
)
def test_a_size_has_a_binary_unit(count: float, said: str) -> None:
    """1024 is where the next unit begins."""
    assert size(count) == said


def test_a_count_agrees_with_its_noun() -> None:
    """One message, two messages."""
    assert [plural(n, "message") for n in (0, 1, 50_000)] == [
        "0 messages",
        "1 message",
        "50,000 messages",
    ]
    assert plural(2, "query", "queries") == "2 queries"
