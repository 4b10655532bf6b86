"""Secrets are not shown by accident."""

from mailvane.core.secret import Secret


def test_a_secret_shows_stars_only() -> None:
    """Neither str, repr, format nor an f-string tells a secret."""
    secret = Secret("canary")
    said = f"{secret} {secret!r} {[secret]}"
    assert "canary" not in said


def test_a_secret_can_be_used() -> None:
    """The one place that needs it gets it."""
    assert Secret("canary").reveal() == "canary"
