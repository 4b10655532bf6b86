"""A limit with a direction: the only place where a number meets a limit."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from mailvane.core.status import Status


class Compare(StrEnum):
    """How a value is held against a bound, in the words that a sentence uses."""

    AT_LEAST = "from"
    ABOVE = "above"
    BELOW = "below"
    AT_MOST = "at most"

    def holds(self, value: float, bound: float) -> bool:
        """True when `value` is on the bad side of `bound`."""
        match self:
            case Compare.AT_LEAST:
                return value >= bound
            case Compare.ABOVE:
                return value > bound
            case Compare.BELOW:
                return value < bound
            case Compare.AT_MOST:
                return value <= bound


@dataclass(frozen=True, slots=True)
class Bound:
    """A number and the direction in which it is passed."""

    compare: Compare
    value: float

    def passed_by(self, value: float) -> bool:
        """True when `value` lies on the bad side."""
        return self.compare.holds(value, self.value)

    def __str__(self) -> str:
        return f"{self.compare} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Threshold:
    """From where a number is degraded and from where unhealthy; either may be missing."""

    degraded: Bound | None = None
    unhealthy: Bound | None = None
    unit: str = ""
    """What stands behind the number in a sentence, such as ` %` or ` days`."""
    source: str = ""
    """Where the numbers come from."""

    def judge(self, value: float) -> Status:
        """The status that `value` means."""
        if self.unhealthy and self.unhealthy.passed_by(value):
            return Status.UNHEALTHY
        if self.degraded and self.degraded.passed_by(value):
            return Status.DEGRADED
        return Status.HEALTHY

    def moved(self, degraded: float | None = None, unhealthy: float | None = None) -> "Threshold":
        """The same threshold with other numbers and the same directions."""
        return replace(
            self,
            degraded=_moved(self.degraded, degraded),
            unhealthy=_moved(self.unhealthy, unhealthy),
        )

    def __str__(self) -> str:
        said = [
            f"{status} {bound}{self.unit}"
            for status, bound in (("degraded", self.degraded), ("unhealthy", self.unhealthy))
            if bound
        ]
        return f"({', '.join(said)})" if said else ""


def _moved(bound: Bound | None, value: float | None) -> Bound | None:
    return bound if bound is None or value is None else replace(bound, value=value)


def rising(degraded: float, unhealthy: float, unit: str = "", source: str = "") -> Threshold:
    """More is worse: degraded from the first number on, unhealthy above the second."""
    return Threshold(
        Bound(Compare.AT_LEAST, degraded), Bound(Compare.ABOVE, unhealthy), unit, source
    )


def falling(degraded: float, unhealthy: float, unit: str = "", source: str = "") -> Threshold:
    """Less is worse: degraded below the first number, unhealthy below the second."""
    return Threshold(Bound(Compare.BELOW, degraded), Bound(Compare.BELOW, unhealthy), unit, source)


Limits = Mapping[str, Threshold]
"""The thresholds of one check by their names."""
