"""What a signed token says, once its signature holds; a token never chooses how it is checked."""

import base64
from collections.abc import Collection
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry

TOKEN_MAX_BYTES = 8192
_PARTS = 3
MALFORMED = (
    *(JoseError, msgspec.MsgspecError),
    *(ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError),
)
"""All that hostile input makes the libraries raise; each means: not valid."""


class Header(msgspec.Struct, frozen=True):
    """The part of a token's header that is looked at before its signature."""

    alg: str
    kid: str | None = None
    typ: str | None = None
    crit: Any = None


class _Issuer(msgspec.Struct, frozen=True):
    iss: Any = None


class Peek(msgspec.Struct, frozen=True):
    """What a token claims about itself, unverified: enough to choose who is to verify it."""

    header: Header
    issuer: str | None


def peek(token: str) -> Peek | None:
    """What the token claims about itself; None when it is no signed token that we could verify."""
    parts = token.split(".")
    if len(parts) != _PARTS or len(token) > TOKEN_MAX_BYTES or not token.isascii():
        return None
    try:
        header = msgspec.json.decode(_bytes(parts[0]), type=Header)
        issuer = msgspec.json.decode(_bytes(parts[1]), type=_Issuer).iss
    except MALFORMED:
        return None
    if header.crit is not None:
        return None  # RFC 7515 section 4.1.11: an extension that we do not know
    return Peek(header, issuer if isinstance(issuer, str) else None)


def verified(token: str, key: Key, algorithms: Collection[str]) -> dict[str, Any] | None:
    """The claims, if the signature holds under that key and one of those algorithms."""
    try:
        return jwt.decode(token, key, registry=_Pinned(algorithms)).claims
    except MALFORMED:
        return None


class _Pinned(JWSRegistry):
    """Allows the algorithms that it was given and no other, whatever a library recommends."""

    max_header_length = TOKEN_MAX_BYTES
    max_payload_length = TOKEN_MAX_BYTES

    def __init__(self, algorithms: Collection[str]) -> None:
        super().__init__(algorithms=algorithms, strict_check_header=False)
        self._pinned = frozenset(algorithms)

    def get_alg(self, name: str) -> Any:
        """The algorithm, if it is pinned."""
        if name not in self._pinned:
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
