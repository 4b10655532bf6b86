"""The four words in which everything is judged, and their order."""

from collections.abc import Iterable
from enum import StrEnum


class Status(StrEnum):
    """How well something is; not knowing is a status of its own, never a zero."""

    HEALTHY = "healthy"
    UNKNOWN = "unknown"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


_ORDER = {status: rank for rank, status in enumerate(Status)}


def rank(status: Status) -> int:
    """The place of a status in healthy < unknown < degraded < unhealthy, from 0."""
    return _ORDER[status]


def worst(statuses: Iterable[Status]) -> Status:
    """The worst of the statuses; `unknown` when there are none: then nothing is known."""
    return max(statuses, key=rank, default=Status.UNKNOWN)
