"""Our own access tokens: what they say, and what is taken for one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc.jwk import OctKey
from joserfc.jwt import encode

from mailvane.api.auth.jws import peek
from mailvane.api.auth.keys import ACCESS_TOKENS, CSRF, derived
from mailvane.api.auth.own import AUDIENCE, ISSUER, LIFE, TYPE, Claims, OwnTokens
from mailvane.core.accounts import Role, Session, User
from mailvane.core.secret import Secret

NOW = datetime(2025, 1, 12, 18, 30, tzinfo=UTC)
SECRET = Secret("k" * 64)
KIM = User("u1", "kim", Role.OPERATOR, 7, False, NOW)
SESSION = Session("s1", KIM, NOW + timedelta(days=7), Secret("mvr_s1_x"))
CLAIMS = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "u1",
    "sid": "s1",
    "ver": 7,
    "role": "operator",
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 900,
    "jti": "j1",
}


class Clock:
    """Now, as the test has it."""

    now = NOW

    def __call__(self) -> datetime:
        """Now."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands."""
    return Clock()


@pytest.fixture
def own(clock: Clock) -> OwnTokens:
    """Our tokens under the test's secret."""
    return OwnTokens(SECRET, clock)


def _read(own: OwnTokens, token: str) -> Claims | None:
    seen = peek(token)
    return own.read(token, seen) if seen else None


def _token(purpose: bytes = ACCESS_TOKENS, typ: str = TYPE, alg: str = "HS256", **more: Any) -> str:
    """A token as ours are, with what the test changes; None leaves a claim out."""
    claims = {name: value for name, value in {**CLAIMS, **more}.items() if value is not None}
    key = OctKey.import_key(derived(SECRET, purpose))
    return encode({"alg": alg, "typ": typ}, claims, key, [alg])


def test_a_token_is_valid_for_fifteen_minutes(own: OwnTokens, clock: Clock) -> None:
    """It says user, session, version and role; at the very end it is void."""
    issued = own.issue(SESSION)
    said = _read(own, issued.text.reveal())
    assert said
    assert (said.sub, said.sid, said.ver, said.role) == ("u1", "s1", 7, Role.OPERATOR)
    assert said.expires_at == issued.expires_at == NOW + LIFE
    clock.now = NOW + LIFE - timedelta(seconds=1)
    assert _read(own, issued.text.reveal())
    clock.now = NOW + LIFE
    assert _read(own, issued.text.reveal()) is None


def test_no_token_outlives_its_session(own: OwnTokens) -> None:
    """A session with five minutes left gives a token for five minutes."""
    end = NOW + timedelta(minutes=5)
    assert own.issue(Session("s1", KIM, end, SESSION.refresh_token)).expires_at == end


def test_no_two_tokens_are_the_same(own: OwnTokens) -> None:
    """Each has an id of its own."""
    assert own.issue(SESSION).text != own.issue(SESSION).text


def test_what_is_changed_by_nothing_is_read(own: OwnTokens) -> None:
    """The token that the other tests change is a right one."""
    assert _read(own, _token()) is not None


@pytest.mark.parametrize("claim", list(CLAIMS))
def test_every_claim_is_required(own: OwnTokens, claim: str) -> None:
    """Signed by us but without one of them: not valid."""
    assert _read(own, _token(**{claim: None})) is None


@pytest.mark.parametrize(
    "more",
    [
        {"iss": "other"},
        {"aud": "other"},
        {"aud": ["mailvane-refresh"]},
        {"exp": int(NOW.timestamp())},
        {"exp": "9999999999"},
        {"exp": True},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"iat": int(NOW.timestamp()) + 60},
        {"nbf": int(NOW.timestamp()) + 60},
        {"ver": "7"},
        {"role": "root"},
        {"role": ["admin"]},
        {"sub": 5},
        {"typ": "JWT"},
        {"typ": "refresh"},
        {"purpose": CSRF},
        {"alg": "HS512"},
    ],
)
def test_a_token_for_anything_else_is_not_read(own: OwnTokens, more: dict[str, Any]) -> None:
    """Another issuer, audience, type, purpose, algorithm, time or form of a claim."""
    assert _read(own, _token(**more)) is None


def test_a_token_of_another_installation_is_not_read(own: OwnTokens, clock: Clock) -> None:
    """The same claims under another secret."""
    other = OwnTokens(Secret("x" * 64), clock)
    assert _read(own, other.issue(SESSION).text.reveal()) is None
