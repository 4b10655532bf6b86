"""Numbers, durations, yes and no."""

import pytest

from mailvane.settings.shapes.base import Unfit
from mailvane.settings.shapes.number import NUMBER, PORT, YES_NO, duration, seconds, whole


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("60", 60),
        ("0.5", 0.5),
        ("500ms", 0.5),
        ("90s", 90),
        ("1.5m", 90),
        ("2h", 7_200),
        ("1d", 86_400),
        ("2w", 1_209_600),
        ("1h30m", 5_400),
    ],
)
def test_durations_are_seconds(written: str, means: float) -> None:
    """With a unit, with several, or as a bare number."""
    assert seconds(written) == means


@pytest.mark.parametrize(
    "written", ["", "s", "5 s", "5min", "5S", "1h 30m", "-", "inf", "nan", "1e999", "٣s", "0x10"]
)
def test_what_is_no_duration_is_refused(written: str) -> None:
    """No spaces, no other units, nothing infinite."""
    with pytest.raises(ValueError, match=r"^$"):
        seconds(written)


@pytest.mark.parametrize(("written", "fits"), [("999ms", 0), ("1s", 1), ("60s", 1), ("61s", 0)])
def test_a_duration_lies_within_its_bounds(written: str, fits: int) -> None:
    """Both bounds themselves fit."""
    shape = duration("1s", "60s")
    if fits:
        assert shape.take(written) == seconds(written)
    else:
        with pytest.raises(Unfit, match=r"expected a duration from 1s to 60s, .*found"):
            shape.take(written)


@pytest.mark.parametrize(
    ("written", "fits"),
    [("0", 0), ("1", 1), ("65535", 1), ("65536", 0), ("-1", 0), ("25.0", 0), ("1_0", 0), ("٣", 0)],
)
def test_ports_go_from_1_to_65535(written: str, fits: int) -> None:
    """At, below and above both ends; only ASCII digits."""
    if fits:
        assert PORT.take(written) == int(written)
    else:
        with pytest.raises(Unfit, match=f'^expected a port from 1 to 65535, found "{written}"$'):
            PORT.take(written)


def test_whole_numbers_may_be_negative() -> None:
    """When their bounds are."""
    assert whole(-5, 5).take("-5") == -5


@pytest.mark.parametrize(("written", "means"), [("5", 5), ("-1.5", -1.5), ("1e3", 1000), ("+2", 2)])
def test_numbers_are_numbers(written: str, means: float) -> None:
    """Decimal, with sign and exponent."""
    assert NUMBER.take(written) == means


@pytest.mark.parametrize("written", ["", "x", "nan", "inf", "-inf", "1e999", "1,5", "0x1"])
def test_what_is_no_number_is_refused(written: str) -> None:
    """Neither infinite nor undefined ones."""
    with pytest.raises(Unfit, match=r"^expected a number, found"):
        NUMBER.take(written)


@pytest.mark.parametrize("word", ["true", "yes", "on", "True", "YES"])
def test_yes_has_several_words(word: str) -> None:
    """So has no; nothing else is either."""
    assert YES_NO.take(word) is True
    for no in ("false", "No", "off"):
        assert YES_NO.take(no) is False
    with pytest.raises(Unfit, match=r'^expected true or false, found "1"$'):
        YES_NO.take("1")
