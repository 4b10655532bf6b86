"""Tokens that were verified a moment ago, so that the next request with one costs a look-up.

A token is kept as a keyed digest of all its bytes, never as itself, and for ten seconds at most.
"""

import hashlib
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from mailvane.api.auth.identity import Identity
from mailvane.core.accounts import Role

RENEW_AFTER_SECONDS = 5.0
"""A token that is used after so long is verified anew beside its use, so that nobody who reads waits for that."""
AGAIN_AFTER_SECONDS = 10.0
"""After so long a token is verified in full again: whoever was demoted or logged out is out by then."""
REMEMBERED_SECONDS = 300.0
"""So long after its last full verification a token may still read while the store is away."""
BOUND = 4096


@dataclass(frozen=True, slots=True)
class _Entry:
    identity: Identity
    until: float
    """When it must be verified again."""
    checked_at: float
    """When it was last verified in full."""
    ends_at: float
    """When the token itself runs out."""
    reads: bool
    """Whether the role suffices to read."""
    renew_at: float
    """When it should be verified anew; infinite while that is under way."""


class Verified:
    """A bounded table of verified tokens; the oldest entry makes room for a new one."""

    def __init__(self, ticks: Callable[[], float], bound: int = BOUND) -> None:
        self._ticks = ticks
        self._bound = bound
        self._entries: dict[bytes, _Entry] = {}
        self.renew: Callable[[bytes], None] = _nobody
        """Begins to verify the token anew."""
        self._digest = hashlib.blake2b(key=secrets.token_bytes(32), digest_size=16).copy

    def get(self, token: bytes) -> Identity | None:
        """Whose token this is, if that was verified within the last ten seconds."""
        entry = self._entries.get(self._key(token))
        return entry.identity if entry is not None and self._ticks() < entry.until else None

    def reads(self, token: bytes, now: float) -> bool:
        """True when the token's owner was verified within the last ten seconds and may read."""
        digest = self._digest()
        digest.update(token)
        entry = self._entries.get(digest.digest())
        if entry is None or now >= entry.until:
            return False
        if now >= entry.renew_at:
            self._entries[digest.digest()] = replace(entry, renew_at=math.inf)
            self.renew(token)
        return entry.reads

    def holds(self, token: bytes) -> bool:
        """True when the token is in the table: neither dropped nor forgotten."""
        return self._key(token) in self._entries

    def put(self, token: bytes, identity: Identity, left_seconds: float) -> None:
        """The token was just verified in full and runs out in so many seconds."""
        now = self._ticks()
        ends_at = now + left_seconds
        until = min(now + AGAIN_AFTER_SECONDS, ends_at)
        renew_at = now + RENEW_AFTER_SECONDS
        entry = _Entry(identity, until, now, ends_at, identity.may(Role.VIEWER), renew_at)
        self._keep(self._key(token), entry)

    def remembered(self, token: bytes) -> Identity | None:
        """Whose token it was a few minutes ago, with the right to read at most.

        For the time in which the store cannot be asked: the health of the mail servers must be
        readable when the database is what is down.
        """
        key, now = self._key(token), self._ticks()
        entry = self._entries.get(key)
        if entry is None or now >= min(entry.ends_at, entry.checked_at + REMEMBERED_SECONDS):
            return None
        reader = replace(entry.identity, role=entry.identity.role and Role.VIEWER)
        until = min(now + AGAIN_AFTER_SECONDS, entry.ends_at)
        self._keep(key, replace(entry, identity=reader, until=until))
        return reader

    def drop(self, token: bytes) -> None:
        """The token is verified in full when it comes again."""
        self._entries.pop(self._key(token), None)

    def forget_user(self, user_id: str) -> None:
        """All tokens of the user are verified in full when they come again."""
        self._entries = {
            key: entry for key, entry in self._entries.items() if entry.identity.user_id != user_id
        }

    def _key(self, token: bytes) -> bytes:
        digest = self._digest()
        digest.update(token)
        return digest.digest()

    def _keep(self, key: bytes, entry: _Entry) -> None:
        self._entries.pop(key, None)
        while len(self._entries) >= self._bound:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = entry


def _nobody(_: bytes) -> None:
    """Nothing is verified anew: the token runs out of the table and comes the whole way."""
