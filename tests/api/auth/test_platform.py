"""The platform's tokens: its key, its claims, our roles; and every way to forge one."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.jwt import encode

from mailvane.api.auth.identity import Identity
from mailvane.api.auth.jwks import PublicKeys
from mailvane.api.auth.jws import peek
from mailvane.api.auth.platform import Keys, PlatformVerifier, SharedSecret
from mailvane.core.access import PlatformTokens
from mailvane.core.accounts import Role
from mailvane.core.secret import Secret

NOW = datetime(2025, 1, 12, 18, 30, tzinfo=UTC)
SOON = int(NOW.timestamp()) + 600
SHARED = Secret("platform-secret-0123456789abcdef")
ROLES = {"viewer": Role.VIEWER, "support": Role.OPERATOR, "superadmin": Role.ADMIN}
HS = PlatformTokens(algorithms=("HS256",), secret=SHARED, roles=ROLES)
RS = PlatformTokens(algorithms=("RS256",), jwks="/keys.json", roles=ROLES)
RSA = RSAKey.generate_key(2048, {"kid": "r1"})
EC = ECKey.generate_key("P-256", {"kid": "e1"})
ED = OKPKey.generate_key("Ed25519", {"kid": "d1"})


class _AnyAlgorithm(JWSRegistry):
    """Signs with what the test says, deprecated or not."""

    def get_alg(self, name: str) -> Any:
        """The algorithm of that name."""
        return self.algorithms[name]


def _public(*keys: Any) -> PublicKeys:
    async def fetch() -> bytes:
        return json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()

    return PublicKeys(fetch, lambda: 0.0)


def _token(key: Any, alg: str = "HS256", kid: str | None = None, **claims: Any) -> str:
    header = {"alg": alg} | ({"kid": kid} if kid is not None else {})
    said = {"sub": "kim", "role": "viewer", "exp": SOON, **claims}
    said = {name: value for name, value in said.items() if value is not None}
    return encode(header, said, key, registry=_AnyAlgorithm())


SECRET_KEY = OctKey.import_key(SHARED.reveal())


async def _verify(settings: PlatformTokens, keys: Keys, token: str) -> Identity | None:
    seen = peek(token)
    return await PlatformVerifier(settings, keys, lambda: NOW).verify(token, seen) if seen else None


@pytest.fixture
def hs() -> Callable[..., Any]:
    """Verifies against the shared secret, with changed settings."""

    async def verify(token: str, **more: Any) -> Identity | None:
        return await _verify(replace(HS, **more), SharedSecret(SHARED), token)

    return verify


async def test_a_token_of_the_platform_is_taken(hs: Callable[..., Any]) -> None:
    """Name, role and end are the token's."""
    found = await hs(_token(SECRET_KEY))
    assert (found.name, found.role) == ("kim", Role.VIEWER)
    assert found.expires_at.timestamp() == SOON
    assert found.user_id is None


@pytest.mark.parametrize(
    ("role", "ours"),
    [
        ("superadmin", Role.ADMIN),
        ("support", Role.OPERATOR),
        (["viewer", "support"], Role.OPERATOR),
        (["nobody", "viewer"], Role.VIEWER),
        ("nobody", None),
        ("admin", None),
        ("SuperAdmin", None),
        ([], None),
        (None, None),
        (5, None),
        ({"superadmin": True}, None),
        ([["superadmin"], {"a": 1}], None),
        ("superadmin,viewer", None),
    ],
)
async def test_roles_are_ours_by_the_settings_alone(
    hs: Callable[..., Any], role: Any, ours: Role | None
) -> None:
    """A text or a list; the highest of those that are mapped; what is not mapped is nothing."""
    found = await hs(_token(SECRET_KEY, role=role))
    assert found
    assert found.role is ours


@pytest.mark.parametrize(
    ("path", "claims"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["support"]}}),
        ("https://example.com/roles", {"https://example.com/roles": "support"}),
        ("user.role", {"user": {"role": "support"}}),
    ],
)
async def test_the_role_is_found_where_the_settings_say(
    hs: Callable[..., Any], path: str, claims: dict[str, Any]
) -> None:
    """A name with dots is a claim of that name, or else the way into nested ones."""
    found = await hs(_token(SECRET_KEY, **claims), role_claim=path)
    assert found.role is Role.OPERATOR


@pytest.mark.parametrize("path", ["user.role.x", "user.missing", "sub.role", "."])
async def test_a_way_that_leads_nowhere_gives_no_role(hs: Callable[..., Any], path: str) -> None:
    """Nothing is made up."""
    found = await hs(_token(SECRET_KEY, user={"role": "support"}), role_claim=path)
    assert found.role is None


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"email": "kim@example.com"}, "kim@example.com"),
        ({"email": 5}, "5"),
        ({"email": ["x"]}, "platform"),
        ({}, "platform"),
        ({"email": "x" * 500}, "x" * 128),
    ],
)
async def test_the_name_is_short_text(
    hs: Callable[..., Any], claims: dict[str, Any], name: str
) -> None:
    """From the claim that the settings name; anything odd is called platform."""
    assert (await hs(_token(SECRET_KEY, **claims), name_claim="email")).name == name


@pytest.mark.parametrize(
    ("claims", "taken"),
    [
        ({"exp": None}, False),
        ({"exp": int(NOW.timestamp()) - 30}, False),
        ({"exp": int(NOW.timestamp()) - 29}, True),
        ({"exp": "tomorrow"}, False),
        ({"exp": True}, False),
        ({"exp": 10**30}, True),
        ({"exp": -(10**30)}, False),
        ({"nbf": int(NOW.timestamp()) + 30}, True),
        ({"nbf": int(NOW.timestamp()) + 31}, False),
        ({"iat": int(NOW.timestamp()) + 31}, False),
        ({"iat": "x"}, False),
    ],
)
async def test_times_are_held_with_a_small_leeway(
    hs: Callable[..., Any], claims: dict[str, Any], *, taken: bool
) -> None:
    """An end is required; thirty seconds of difference between the clocks are forgiven."""
    assert (await hs(_token(SECRET_KEY, **claims)) is not None) is taken


@pytest.mark.parametrize(
    ("claims", "taken"),
    [
        ({"iss": "https://id.example.com", "aud": "mailvane"}, True),
        ({"iss": "https://id.example.com", "aud": ["other", "mailvane"]}, True),
        ({"iss": "https://id.example.com"}, False),
        ({"aud": "mailvane"}, False),
        ({"iss": "https://evil.example.net", "aud": "mailvane"}, False),
        ({"iss": "https://id.example.com", "aud": "other"}, False),
        ({"iss": "https://id.example.com", "aud": []}, False),
        ({"iss": ["https://id.example.com"], "aud": "mailvane"}, False),
    ],
)
async def test_issuer_and_audience_must_be_those_of_the_settings(
    hs: Callable[..., Any], claims: dict[str, Any], *, taken: bool
) -> None:
    """When they are configured; a missing one is a wrong one."""
    demanding = {"issuer": "https://id.example.com", "audience": "mailvane"}
    assert (await hs(_token(SECRET_KEY, **claims), **demanding) is not None) is taken


@pytest.mark.parametrize(
    ("key", "alg"), [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256"), (ED, "EdDSA")]
)
async def test_public_keys_of_each_kind_verify(key: Any, alg: str) -> None:
    """With and without a kid, by the key of the algorithm's kind."""
    settings = replace(RS, algorithms=(alg,))
    for kid in (key.kid, None):
        found = await _verify(settings, _public(RSA, EC, ED), _token(key, alg, kid))
        assert found
        assert found.role is Role.VIEWER


async def test_a_foreign_key_is_not_taken() -> None:
    """The right kid, claims and algorithm, but signed by somebody else."""
    forger = RSAKey.generate_key(2048, {"kid": "r1"})
    assert await _verify(RS, _public(RSA), _token(forger, "RS256", "r1")) is None


async def test_the_public_key_is_no_shared_secret() -> None:
    """HS256 signed with the bytes of the RSA public key, in each of its spellings, is refused."""
    pem = RSA.public_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    jwk = json.dumps(RSA.as_dict(private=False)).encode()
    for forged in (pem, pem.strip(), jwk, RSA.kid.encode()):
        token = _token(OctKey(forged, forged), "HS256", "r1", role="superadmin")
        assert await _verify(RS, _public(RSA), token) is None
        both = replace(RS, algorithms=("RS256", "HS256"))
        assert await _verify(both, _public(RSA), token) is None


async def test_a_shared_secret_verifies_no_other_algorithm(hs: Callable[..., Any]) -> None:
    """Neither a stronger hash nor a public-key signature passes for HS256."""
    assert await hs(_token(SECRET_KEY, "HS512")) is None
    assert await hs(_token(RSA, "RS256")) is None
    assert await hs(_token(SECRET_KEY), algorithms=("HS512",)) is None


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "", "HS256 ", "hs256"])
@pytest.mark.parametrize("settings", [HS, RS])
async def test_an_unsigned_token_is_not_taken(alg: str, settings: PlatformTokens) -> None:
    """`alg: none` in every spelling, with the signature left out or kept."""
    keys = SharedSecret(SHARED) if settings is HS else _public(RSA)
    header = _b64({"alg": alg, "kid": "r1"})
    payload = _b64({"sub": "kim", "role": "superadmin", "exp": SOON})
    signature = _token(SECRET_KEY).rpartition(".")[2]
    for token in (f"{header}.{payload}.", f"{header}.{payload}.{signature}"):
        assert await _verify(settings, keys, token) is None


@pytest.mark.parametrize(
    "header",
    [
        {"jwk": OctKey.import_key(b"0123456789abcdef").as_dict()},
        {"jku": "https://evil.example.net/keys"},
        {"x5u": "https://evil.example.net/cert"},
        {"kid": "../../../../dev/null"},
        {"kid": "' UNION SELECT 'key"},
        {"kid": ""},
    ],
)
async def test_a_key_that_the_token_brings_is_not_used(header: dict[str, Any]) -> None:
    """Neither embedded keys, nor addresses of keys, nor file names in kid."""
    forger = OctKey.import_key(b"0123456789abcdef")
    claims = {"sub": "kim", "role": "superadmin", "exp": SOON}
    registry = _AnyAlgorithm(strict_check_header=False)
    token = encode({"alg": "HS256", **header}, claims, forger, registry=registry)
    assert await _verify(HS, SharedSecret(SHARED), token) is None
    token = encode({"alg": "RS256", **header}, claims, RSAKey.generate_key(2048), registry=registry)
    assert await _verify(RS, _public(RSA), token) is None


def _b64(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
