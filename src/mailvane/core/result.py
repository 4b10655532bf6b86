"""What a sweep concludes: verdicts, results and the report of a server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mailvane.core.response import Reason
from mailvane.core.status import Status
from mailvane.core.threshold import Threshold


@dataclass(frozen=True, slots=True)
class Metric:
    """One number as it was seen, in a base unit that its name ends with."""

    name: str
    value: float | None
    """None: not known."""
    limit: Threshold | None = None
    """The threshold in force that this number was held against; None: it is not judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a check concludes about one item; with server, check and time it becomes a Result."""

    status: Status
    summary: str
    """One sentence that leads directly to the problem."""
    item: str = ""
    """What of the check this is about, such as `postfix` or `/var`; empty for the whole."""
    metrics: tuple[Metric, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    """Facts for a screen: JSON values only."""
    evidence: tuple[str, ...] = ()
    """Lines as the server wrote them."""
    limits: str = ""
    """The limits that were applied, as a sentence part."""
    fix: str | None = None
    """What to do, as a command where there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Status, summary, details and metrics for one item of a check at a time."""

    check: str
    item: str
    status: Status
    summary: str
    observed_at: datetime
    metrics: tuple[Metric, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    limits: str = ""
    fix: str | None = None
    reason: Reason | None = None
    """Why it is unknown, when a request went unanswered."""

    def metric(self, name: str) -> float | None:
        """The value of a metric, None when it is unknown or not there."""
        return next((metric.value for metric in self.metrics if metric.name == name), None)


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """A check that takes no part, and why."""

    check: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All results of a server at a time, and its overall status."""

    server: str
    status: Status
    observed_at: datetime
    duration_seconds: float
    results: tuple[Result, ...] = ()
    not_applicable: tuple[NotApplicable, ...] = ()
    not_asked: tuple[str, ...] = ()
    """Checks that were not asked since the instance is down: they would only time out."""

    def of(self, check: str) -> tuple[Result, ...]:
        """The results of one check."""
        return tuple(result for result in self.results if result.check == check)
