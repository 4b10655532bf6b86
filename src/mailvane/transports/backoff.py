"""When to try again after a failure: ever later, and not all at the same moment."""

import random
import time
from collections.abc import Callable

JITTER = 0.2


class Backoff:
    """The wait doubles from `first_seconds` to `most_seconds`, each time up to a fifth longer by chance."""

    def __init__(
        self,
        first_seconds: float,
        most_seconds: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._first = first_seconds
        self._most = most_seconds
        self._monotonic = monotonic
        self._chance = chance
        self._wait = 0.0
        self._until = 0.0

    def failed(self) -> None:
        """One more failure: the next try is to wait longer."""
        self._wait = min(self._most, 2 * self._wait) if self._wait else self._first
        self._until = self._monotonic() + self._wait * (1 + JITTER * self._chance())

    def lift(self) -> None:
        """The next try need not wait, and the next wait is the first one again."""
        self._wait = self._until = 0.0

    @property
    def left_seconds(self) -> float:
        """How long the next try is to wait; 0 when it need not."""
        return max(0.0, self._until - self._monotonic()) if self._wait else 0.0
