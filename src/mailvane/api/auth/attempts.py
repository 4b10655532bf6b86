"""How often somebody may try a password, from one address and on one account."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastapi import Request

from mailvane.api.address import Proxies, bucket_key
from mailvane.api.buckets import Buckets
from mailvane.api.problems import too_many
from mailvane.core.accounts import folded

WAITING_MAX = 16
"""So many passwords are checked or wait for it at a time."""


class Attempt:
    """One try; `succeeded()` makes it not count."""

    def __init__(self) -> None:
        self.success = False

    def succeeded(self) -> None:
        """The try was right."""
        self.success = True


class Attempts:
    """Counts failed tries: ten at once and ten a minute by address, twenty and sixty an hour by account.

    An account is counted whether it exists or not, so that the answer does not tell.
    """

    def __init__(self, proxies: Proxies, ticks: Callable[[], float]) -> None:
        self._proxies = proxies
        self._by_address = Buckets(10, 6.0, ticks)
        self._by_account = Buckets(20, 60.0, ticks)
        self._waiting = 0

    @contextmanager
    def attempt(self, request: Request, account: str | None = None) -> Iterator[Attempt]:
        """A try; raises 429 when there were too many."""
        self._refuse_crowd()
        buckets = [(self._by_address, bucket_key(self._proxies.client(request.scope)))]
        if account is not None:
            buckets.append((self._by_account, folded(account)))
        _take_all(buckets)
        one = Attempt()
        self._waiting += 1
        try:
            yield one
        finally:
            self._waiting -= 1
            if one.success:
                for bucket, key in buckets:
                    bucket.give_back(key)

    def address(self, request: Request) -> str:
        """Where the request comes from."""
        return self._proxies.client(request.scope)

    def _refuse_crowd(self) -> None:
        if self._waiting >= WAITING_MAX:
            raise too_many(1)


def _take_all(buckets: list[tuple[Buckets, str]]) -> None:
    """From every bucket one, or from none."""
    for number, (bucket, key) in enumerate(buckets):
        if wait := bucket.take(key):
            for taken, of in buckets[:number]:
                taken.give_back(of)
            raise too_many(wait)
