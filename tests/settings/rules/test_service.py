"""The rhythm of sweeps, and whose tokens are accepted."""

from typing import Any

import pytest

LONG = "s" * 32
PLATFORM = "auth: {{platform: {{{0}}}}}"


@pytest.mark.parametrize(
    ("cache", "says"),
    [
        ("fresh_for: 29s", "cache.fresh_for: expected fresh_for to be at least refresh_every"),
        ("refresh_every: 61s", "cache.refresh_every: expected fresh_for to be at least"),
        ("refresh_every: 900ms", "cache.refresh_every: expected a duration from 1s to 1d"),
        ("fresh_for: 1h, refresh_every: x", "cache.refresh_every: expected a duration"),
    ],
)
def test_a_report_is_renewed_before_it_is_stale(told: Any, cache: str, says: str) -> None:
    """And not more than once a second."""
    (problem,) = told(f"cache: {{{cache}}}")
    assert problem.startswith(f"1: {says}")


@pytest.mark.parametrize("cache", ["fresh_for: 30s", "refresh_every: 1s", "refresh_every: 60s"])
def test_a_rhythm_at_its_limits_is_taken(told: Any, cache: str) -> None:
    """Equal ones included."""
    assert told(f"cache: {{{cache}}}") == []


@pytest.mark.parametrize(
    ("platform", "says"),
    [
        ("issuer: x", "auth.platform: expected `secret:` or `jwks:`, found neither"),
        (
            "secret: '${S}', jwks: k.json",
            "auth.platform: expected `secret:` or `jwks:`, found both",
        ),
        ("secret: '${S}', algorithms: [RS256]", "auth.platform: expected jwks, the address"),
        ("jwks: k.json, algorithms: [HS256]", "auth.platform: expected a secret for the HS"),
        ("jwks: k.json, algorithms: [HS256, RS256]", "auth.platform: expected either a shared"),
        ("jwks: k.json, algorithms: []", "auth.platform: expected at least one algorithm"),
        ("jwks: k.json, algorithms: [none]", "auth.platform.algorithms[0]: expected ES256"),
        ("jwks: http://id/keys", "auth.platform.jwks: expected an https URL or a path"),
        ("secret: '${T}'", "auth.platform: expected a secret of at least 16 bytes"),
        ("secret: '${S}', roles: {}", "auth.platform.roles: expected at least one role"),
        ("secret: '${S}', roles: {a: root}", "auth.platform.roles.a: expected viewer, operator"),
        ("secret: '${NOPE}'", "auth.platform.secret: the environment has no NOPE"),
    ],
)
def test_what_would_let_the_wrong_ones_in_is_refused(told: Any, platform: str, says: str) -> None:
    """One kind of key with its algorithms, a role at least, no `none`."""
    (problem,) = told(PLATFORM.format(platform), S=LONG, T="t" * 15)
    assert problem.startswith(f"1: {says}")
    assert LONG not in problem


@pytest.mark.parametrize(("length", "count"), [(16, 1), (31, 1), (32, 0)])
def test_a_key_that_can_be_guessed_is_a_doubt(doubts: Any, length: int, count: int) -> None:
    """RFC 7518 asks for 32 bytes; the way to a good one is told."""
    found = doubts(PLATFORM.format("secret: '${S}'"), S="s" * length)
    assert len(found) == count
    assert all("`openssl rand -base64 48`" in warning for warning in found)
