"""Token buckets: so many attempts at once, so many in the long run, for each of a bounded number of keys."""

from collections.abc import Callable
from dataclasses import dataclass

BOUND = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """One bucket for each key; when there are too many, the one used longest ago is forgotten."""

    def __init__(
        self, burst: int, every_seconds: float, ticks: Callable[[], float], bound: int = BOUND
    ) -> None:
        self._burst = burst
        self._every_seconds = every_seconds
        self._ticks = ticks
        self._bound = bound
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key: str) -> float:
        """0 when the attempt is allowed, and counted; else the seconds until one is."""
        bucket = self._filled(key)
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0.0
        return (1 - bucket.tokens) * self._every_seconds

    def give_back(self, key: str) -> None:
        """The last attempt did not count."""
        bucket = self._filled(key)
        bucket.tokens = min(float(self._burst), bucket.tokens + 1)

    def _filled(self, key: str) -> _Bucket:
        """The bucket with what has run into it by now, as the one used last."""
        now = self._ticks()
        bucket = self._buckets.pop(key, None) or _Bucket(float(self._burst), now)
        run_in = max(0.0, now - bucket.at) / self._every_seconds
        bucket.tokens = min(float(self._burst), bucket.tokens + run_in)
        bucket.at = now
        while len(self._buckets) >= self._bound:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[key] = bucket
        return bucket
