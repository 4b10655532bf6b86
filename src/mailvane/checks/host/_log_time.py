"""The timestamps of log lines as moments: several forms, some without a year or a zone."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from mailvane.core.errors import GarbledAnswer

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ZONE = r"(?P<zone>Z|[+-]\d\d:?\d\d)?"
_RFC3339 = re.compile(rf"(\d{{4}})-(\d\d)-(\d\d)T(\d\d):(\d\d){_ZONE}", re.ASCII)
_TRADITIONAL = re.compile(r"([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d)", re.ASCII)
_LONGEST_ZONE = timedelta(hours=24)


def zone(text: str) -> tzinfo:
    """The zone that `+0100`, `+01:00` or `Z` means."""
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "")
    if (
        text[:1] not in ("+", "-")
        or len(digits) != 4
        or not (digits.isascii() and digits.isdigit())
    ):
        raise GarbledAnswer(f"expected a time zone such as +0100, found {text[:20]!r}")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if offset >= _LONGEST_ZONE:
        raise GarbledAnswer(f"expected a time zone within a day, found {text[:20]!r}")
    return timezone(-offset if text[0] == "-" else offset)


def minute(text: str, now: datetime) -> datetime | None:
    """The moment that a minute of a log means, None when it is in no known form.

    `now` is the server's clock in the server's zone: it lends the zone, and the year where there is
    none. A line that was read now was written now at the latest, so what lies ahead is taken as now:
    a clock that was put back makes such lines, and so does the hour that winter time repeats.
    """
    try:
        moment = _rfc3339(text, now) or _traditional(text, now)
    except (ValueError, OverflowError):
        return None
    return None if moment is None else min(moment, now.replace(second=0, microsecond=0))


def _rfc3339(text: str, now: datetime) -> datetime | None:
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute_ = (int(part) for part in match.groups()[:5])
    where = zone(match["zone"]) if match["zone"] else now.tzinfo
    return datetime(year, month, day, hour, minute_, tzinfo=where).astimezone(now.tzinfo)


def _traditional(text: str, now: datetime) -> datetime | None:
    """The year that makes it the latest moment not more than a day ahead."""
    match = _TRADITIONAL.fullmatch(text)
    if match is None or match[1] not in _MONTHS:
        return None
    month, (day, hour, minute_) = _MONTHS.index(match[1]) + 1, (int(g) for g in match.groups()[1:])
    for year in range(now.year + 1, now.year - 5, -1):
        try:
            moment = datetime(year, month, day, hour, minute_, tzinfo=now.tzinfo)
        except ValueError:
            continue  # 29 February
        if moment <= now + timedelta(days=1):
            return moment
    return None
