"""Access tokens of the platform: its key, its claims, our roles."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from joserfc.jwk import Key, OctKey
from joserfc.jwt import JWTClaimsRegistry

from mailvane.api.auth.identity import Identity, Kind
from mailvane.api.auth.jws import MALFORMED, Header, Peek, verified
from mailvane.core.access import SYMMETRIC, PlatformTokens
from mailvane.core.accounts import Role, highest
from mailvane.core.ports import Clock
from mailvane.core.secret import Secret

_NAME_MAX = 128
_FAR = 253_402_300_799  # the last second of the year 9999, the end of datetime


class Keys(Protocol):
    """Where the keys come from that verify the platform's tokens."""

    async def find(self, header: Header) -> Key | None:
        """The key that a token of that header must be signed with; None when there is none."""
        ...


class SharedSecret:
    """One key for HS…, shared with the platform."""

    def __init__(self, secret: Secret) -> None:
        self._key = OctKey.import_key(secret.reveal())

    async def find(self, header: Header) -> Key | None:
        """The shared key, whatever `kid` says."""
        return self._key if header.alg in SYMMETRIC else None


class PlatformVerifier:
    """Verifies the platform's tokens by the settings, which alone choose the algorithms."""

    def __init__(self, settings: PlatformTokens, keys: Keys, clock: Clock) -> None:
        self._settings = settings
        self._keys = keys
        self._clock = clock

    async def verify(self, token: str, seen: Peek) -> Identity | None:
        """Who the token is for; None when anything about it is wrong.

        1. The algorithm is one of the settings'.
        2. The key is the one for that header, and the signature holds.
        3. It has not run out, was not issued in the future, and is from and for whom it must be.
        4. Its roles are ours by the settings; with none of ours it may do nothing.
        """
        if seen.header.alg not in self._settings.algorithms:
            return None
        key = await self._keys.find(seen.header)
        said = verified(token, key, [seen.header.alg]) if key else None
        if said is None or not self._holds(said):
            return None
        return Identity(
            kind=Kind.PLATFORM,
            name=self._name(said),
            role=highest(self._roles(said)),
            expires_at=datetime.fromtimestamp(min(said["exp"], _FAR), UTC),
        )

    def _holds(self, claims: dict[str, Any]) -> bool:
        must: dict[str, Any] = {"exp": {"essential": True}}
        if self._settings.issuer is not None:
            must["iss"] = {"essential": True, "value": self._settings.issuer}
        if self._settings.audience is not None:
            must["aud"] = {"essential": True, "value": self._settings.audience}
        now = int(self._clock().timestamp())
        try:
            JWTClaimsRegistry(now, int(self._settings.leeway_seconds), **must).validate(claims)
        except MALFORMED:
            return False
        return True

    def _name(self, claims: dict[str, Any]) -> str:
        said = _at(claims, self._settings.name_claim)
        return str(said)[:_NAME_MAX] if isinstance(said, str | int) else Kind.PLATFORM.value

    def _roles(self, claims: dict[str, Any]) -> list[Role]:
        said = _at(claims, self._settings.role_claim)
        words = said if isinstance(said, list) else [said]
        return [
            self._settings.roles[word]
            for word in words
            if isinstance(word, str) and word in self._settings.roles
        ]


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """The claim of that name, or else the one that the dots of the name lead to."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
