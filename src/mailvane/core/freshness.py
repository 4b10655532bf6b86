"""How old an answer is, and when it is too old to vouch for."""

from dataclasses import dataclass
from datetime import datetime

from mailvane.core.result import Report
from mailvane.core.status import Status


@dataclass(frozen=True, slots=True)
class Freshness:
    """The age of a report at a moment."""

    observed_at: datetime
    age_seconds: float
    stale: bool


def freshness(report: Report, now: datetime, fresh_for_seconds: float) -> Freshness:
    """How old the report is, and whether that is older than it may be."""
    age = max(0.0, (now - report.observed_at).total_seconds())
    return Freshness(report.observed_at, age, age > fresh_for_seconds)


def status_now(status: Status, *, stale: bool) -> Status:
    """What a status is worth now: one that is stale is never healthy, since we no longer know."""
    return Status.UNKNOWN if stale and status is Status.HEALTHY else status
