"""What stands in Redis under a key: the health of a mail server for people, and its report for us.

The fields of the health document's `mailServer` stand at the top, so that `jq .status` works.
`ageSeconds` and `stale` are left out: they would be wrong a second later; `freshUntil` says it instead.
`report` is the whole report, for another process or for this one after a restart.
"""

from datetime import datetime, timedelta

import msgspec

from mailvane.core.health import component, instant
from mailvane.core.result import Report
from mailvane.core.server import Server

FORMAT = 1
"""Grows when an older Mailvane could not read the report any more; another format is ignored."""
LIMIT_BYTES = 512 * 1024
"""Longer values are neither written nor read; a full report of all checks has about 30 KiB."""
HEAD_BYTES = 64
"""A value begins with `observedAt`: so many bytes tell one report of a server from another."""
AHEAD = timedelta(seconds=60)
"""How far another machine's clock may be ahead of ours; a report from later is not believed."""

_UNENCODABLE = (TypeError, ValueError, OverflowError, RecursionError)
_UNSERVABLE = (TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError)


class _Stored(msgspec.Struct):
    format: int = 0
    report: msgspec.Raw = msgspec.Raw(b"null")


_stored = msgspec.json.Decoder(_Stored)
_report = msgspec.json.Decoder(Report)


def encode(server: Server, report: Report, now: datetime, fresh_for_seconds: float) -> bytes:
    """The value for Redis; without the report when that is too large or not JSON."""
    fresh_until = report.observed_at + timedelta(seconds=fresh_for_seconds)
    said = component(server, report, now, fresh_for_seconds)
    del said["ageSeconds"], said["stale"]
    shown = {
        "observedAt": said["observedAt"],
        **said,
        "freshUntil": instant(fresh_until),
        "format": FORMAT,
    }
    try:
        whole = msgspec.json.encode({**shown, "report": report})
    except _UNENCODABLE:
        whole = b""
    if 0 < len(whole) <= LIMIT_BYTES:
        return whole
    return msgspec.json.encode({**shown, "report": None})


def decode(raw: bytes, server: Server, now: datetime) -> Report:
    """The report in a value from Redis; a value that is not one of ours raises ValueError.

    Types and sizes are checked, and that the report can be served: whoever may write to the Redis may
    lie about a server, but cannot make Mailvane fail.
    """
    if len(raw) > LIMIT_BYTES:
        raise ValueError(f"expected at most {LIMIT_BYTES} bytes")
    try:
        stored = _stored.decode(raw)
        if stored.format != FORMAT:
            raise ValueError(f"expected format {FORMAT}, found {stored.format}")
        report = _report.decode(stored.report)
        component(server, report, now, 0)
    except _UNSERVABLE as error:
        raise ValueError(f"expected a report of Mailvane: {error}") from error
    _believe(report, server, now)
    return report


def _believe(report: Report, server: Server, now: datetime) -> None:
    moments = (report.observed_at, *(result.observed_at for result in report.results))
    if any(moment.tzinfo is None for moment in moments):
        raise ValueError("expected times with a zone, found one without")
    if report.observed_at > now + AHEAD:
        raise ValueError(f"observed at {instant(report.observed_at)}, which is still to come")
    if report.server != server.name:
        raise ValueError(f"expected a report on {server.name!r}, found {report.server!r}")


def head(value: bytes) -> bytes:
    """The part of a value that tells it from any other; empty for a key that is not there."""
    return value[:HEAD_BYTES]
