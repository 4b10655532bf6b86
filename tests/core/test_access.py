"""What must be right about the platform's tokens before the first one is looked at."""

import pytest

from mailvane.core.access import PlatformTokens
from mailvane.core.secret import Secret

LONG = Secret("0123456789abcdef")


@pytest.mark.parametrize(
    "platform",
    [
        PlatformTokens(algorithms=("HS256",), secret=LONG),
        PlatformTokens(algorithms=("RS256", "ES256"), jwks="https://id.example.com/keys"),
        PlatformTokens(algorithms=("EdDSA",), jwks="/etc/mailvane/keys.json"),
    ],
)
def test_a_secret_goes_with_hs_and_public_keys_with_the_others(platform: PlatformTokens) -> None:
    """The three usual ways have no problems."""
    assert platform.problems() == []


@pytest.mark.parametrize(
    ("platform", "says"),
    [
        (PlatformTokens(algorithms=()), "at least one algorithm"),
        (PlatformTokens(algorithms=("none",)), "found 'none'"),
        (PlatformTokens(algorithms=("hs256",), secret=LONG), "found 'hs256'"),
        (PlatformTokens(algorithms=("HS256",)), "expected a secret"),
        (PlatformTokens(algorithms=("RS256",), secret=LONG), "expected jwks"),
        (PlatformTokens(algorithms=("HS256", "RS256"), secret=LONG, jwks="/k"), "found both"),
        (PlatformTokens(algorithms=("HS256",), secret=Secret("x" * 15)), "at least 16 bytes"),
        (PlatformTokens(algorithms=("RS256",), jwks="http://id.example.com/k"), "https"),
    ],
)
def test_what_would_let_a_forged_token_in_is_said(platform: PlatformTokens, says: str) -> None:
    """`none`, mixed key kinds, short secrets and keys over plain http are problems."""
    assert says in " ".join(platform.problems())


def test_problems_do_not_show_the_secret() -> None:
    """The secret stands in no sentence."""
    platform = PlatformTokens(algorithms=("none",), secret=Secret("hunter2"))
    assert "hunter2" not in " ".join(platform.problems())
