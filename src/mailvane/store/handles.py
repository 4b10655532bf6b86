"""Tokens that we hand out and of which we keep no more than a hash.

`mvt_<id>_<secret>`: the mark tells people and secret scanners what it is, the id finds the row, and the
secret has 256 random bits, so that a plain SHA-256 keeps it.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from mailvane.core.secret import Secret

_LENGTH_MAX = 256


@dataclass(frozen=True, slots=True)
class Handle:
    """A token that was just made."""

    id: str
    text: Secret
    digest: str


def make(mark: str, id: str) -> Handle:  # noqa: A002
    """A new token for the row of that id."""
    text = f"{mark}{id}_{secrets.token_urlsafe(32)}"
    return Handle(id, Secret(text), digest(text))


def id_in(mark: str, text: str) -> str | None:
    """The id of the row that a presented token names; None when it is no token of that kind."""
    if not text.startswith(mark) or len(text) > _LENGTH_MAX or not text.isascii():
        return None
    found, _, secret = text.removeprefix(mark).partition("_")
    return found if found.isalnum() and secret else None


def digest(text: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(text.encode()).hexdigest()


def same(text: str, kept: str) -> bool:
    """True when the presented token is the one of which `kept` is the digest."""
    return hmac.compare_digest(digest(text), kept)
