"""The timestamps of log lines."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailvane.checks.host._log_time import minute, zone
from mailvane.core.errors import GarbledAnswer

BERLIN = timezone(timedelta(hours=1))
NOW = datetime(2026, 11, 24, 3, 58, 30, tzinfo=BERLIN)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T03:57+01:00",
        "2026-11-24T03:57+0100",
        "2026-11-24T02:57Z",
        "2026-11-23T21:57-05:00",
        "2026-11-24T03:57",
        "Nov 24 03:57",
    ],
)
def test_every_form_means_the_same_moment(text: str) -> None:
    """RFC 3339 in any zone, without one, and the traditional form agree."""
    assert minute(text, NOW) == datetime(2026, 11, 24, 3, 57, tzinfo=BERLIN)


@pytest.mark.parametrize("day", [" 4", "04"])
def test_both_paddings_of_a_day_are_read(day: str) -> None:
    """The day is padded with a space by rsyslog, with a zero by Postfix' own log."""
    assert minute(f"Nov {day} 03:57", NOW) == datetime(2026, 11, 4, 3, 57, tzinfo=BERLIN)


def test_the_year_turns() -> None:
    """On New Year's morning the lines of the evening before are of last year."""
    new_year = datetime(2027, 1, 1, 0, 4, tzinfo=UTC)
    assert minute("Dec 31 23:59", new_year) == datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    assert minute("Jan  1 00:03", new_year) == datetime(2027, 1, 1, 0, 3, tzinfo=UTC)


def test_a_line_ahead_of_the_clock_was_written_now() -> None:
    """A clock that was put back, and a line of next year's first second, count as now."""
    now = NOW.replace(second=0)
    assert minute("2026-11-24T04:30+01:00", NOW) == now
    late = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    assert minute("Jan  1 00:00", late) == late


def test_29_february_is_of_a_leap_year() -> None:
    """A day that only leap years have is of the last one."""
    assert minute("Feb 29 12:00", NOW) == datetime(2024, 2, 29, 12, 0, tzinfo=BERLIN)


@pytest.mark.parametrize("text", ["", "-", "2026-13-24T03:57", "Nov 31 03:57", "Foo 24 03:57"])
def test_what_is_no_time_is_none(text: str) -> None:
    """A time that does not exist is not made up."""
    assert minute(text, NOW) is None


@pytest.mark.parametrize("text", ["", "+1", "+2400", "0100", "+\u0660\u0661\u0660\u0660", "CET"])
def test_what_is_no_zone_is_garbled(text: str) -> None:
    """A zone is hours and minutes within a day."""
    with pytest.raises(GarbledAnswer):
        zone(text)


@given(st.text(max_size=40) | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d[+-]\d\d:\d\d"))
def test_no_text_breaks_it(text: str) -> None:
    """Whatever a server writes is a moment, none, or a garbled answer."""
    try:
        found = minute(text, NOW)
    except GarbledAnswer:
        return
    assert found is None or found <= NOW
