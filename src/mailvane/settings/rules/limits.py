"""Limits: known checks, known names, and degraded before unhealthy."""

from collections.abc import Mapping

from mailvane.core.threshold import Bound, Compare, Threshold
from mailvane.settings.model.limits import LimitSection, LimitTable
from mailvane.settings.nodes import KeyPath
from mailvane.settings.problems import Problems
from mailvane.settings.wording import did_you_mean

Known = Mapping[str, Mapping[str, Threshold]]
"""Every check by its name, with its default thresholds by theirs."""
Moved = dict[tuple[str, str], Threshold]
"""(check, limit) -> the threshold in force, for those that were moved."""


def check_limits(
    table: LimitTable, at: KeyPath, below: Moved, known: Known, problems: Problems
) -> Moved:
    """The thresholds in force when the table lies over those below; what is wrong in it is noted."""
    moved = dict(below)
    for check, limits in table.items():
        if check not in known:
            told = f"unknown check; {did_you_mean(check, (n for n in known if known[n]))}"
            problems.add((*at, check), told)
            continue
        for name, numbers in limits.items():
            if name not in known[check]:
                told = f"{check} has no such limit; {did_you_mean(name, known[check])}"
                problems.add((*at, check, name), told)
                continue
            before = moved.get((check, name), known[check][name])
            after = before.moved(degraded=numbers.degraded, unhealthy=numbers.unhealthy)
            _check_bounds(numbers, before, (*at, check, name), problems)
            _check_order(after, (*at, check, name), problems)
            moved[check, name] = after
    return moved


def _check_bounds(
    numbers: LimitSection, before: Threshold, at: KeyPath, problems: Problems
) -> None:
    for status in ("degraded", "unhealthy"):
        if getattr(numbers, status) is not None and getattr(before, status) is None:
            problems.add((*at, status), f"this limit is never {status}; remove the line")


def _check_order(limit: Threshold, at: KeyPath, problems: Problems) -> None:
    """Whatever is unhealthy must have passed degraded first."""
    degraded, unhealthy = limit.degraded, limit.unhealthy
    if degraded is None or unhealthy is None:
        return
    if rises(unhealthy) and degraded.value > unhealthy.value:
        told = "more is worse here, so degraded must not be more than unhealthy"
    elif not rises(unhealthy) and degraded.value < unhealthy.value:
        told = "less is worse here, so degraded must not be less than unhealthy"
    else:
        return
    problems.add(at, f"{told}; in force is {_numbers(degraded, unhealthy)}")


def rises(bound: Bound) -> bool:
    """True when more is worse."""
    return bound.compare in (Compare.AT_LEAST, Compare.ABOVE)


def _numbers(degraded: Bound, unhealthy: Bound) -> str:
    return f"degraded {degraded.value:g}, unhealthy {unhealthy.value:g}"
