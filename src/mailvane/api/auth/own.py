"""Our own access tokens: short-lived, signed with a key of their own, bound to a session and a version."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from joserfc.jwk import OctKey
from joserfc.jwt import JWTClaimsRegistry, encode

from mailvane.api.auth.jws import MALFORMED, Peek, verified
from mailvane.api.auth.keys import ACCESS_TOKENS, derived
from mailvane.core.accounts import Role, Session
from mailvane.core.ports import Clock
from mailvane.core.secret import Secret

ALGORITHM = "HS256"
ISSUER = "mailvane"
AUDIENCE = "mailvane-api"
TYPE = "at+jwt"
"""RFC 9068: an access token, and nothing else."""
LIFE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token that was just issued."""

    text: Secret
    expires_at: datetime


class Claims(msgspec.Struct, frozen=True):
    """What our tokens say."""

    sub: str
    """The user's id."""
    sid: str
    """The session's id."""
    ver: int
    """The user's version at the time."""
    role: Role
    exp: int
    iat: int
    jti: str

    @property
    def expires_at(self) -> datetime:
        """When the token runs out."""
        return datetime.fromtimestamp(self.exp, UTC)


class OwnTokens:
    """Issues and reads our access tokens."""

    def __init__(self, secret: Secret, clock: Clock, life: timedelta = LIFE) -> None:
        self._key = OctKey.import_key(derived(secret, ACCESS_TOKENS))
        self._clock = clock
        self._life = life

    def issue(self, session: Session) -> AccessToken:
        """A token for the session's user as he is now."""
        now = self._clock()
        expires_at = min(now + self._life, session.expires_at)
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": session.user.id,
            "sid": session.id,
            "ver": session.user.version,
            "role": session.user.role.value,
            "iat": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
            "jti": secrets.token_hex(8),
        }
        text = encode({"alg": ALGORITHM, "typ": TYPE}, claims, self._key, [ALGORITHM])
        return AccessToken(Secret(text), expires_at)

    def read(self, token: str, seen: Peek) -> Claims | None:
        """What the token says, if we issued it, for this, and it has not run out."""
        if seen.header.typ != TYPE:
            return None
        said = verified(token, self._key, [ALGORITHM])
        if said is None:
            return None
        now = int(self._clock().timestamp())
        rules = JWTClaimsRegistry(
            now=now,
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
        )
        try:
            rules.validate(said)
            return msgspec.convert(said, Claims)
        except MALFORMED:
            return None
