"""`mailvane token`, over real accounts in memory."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailvane.store.memory import memory_accounts
from mailvane.store.passwords import Passwords

Make = Callable[..., Any]
NOW = datetime(2025, 1, 12, 18, 30, tzinfo=UTC)


@pytest.fixture
def fake(troubled: Any) -> Any:
    """An app whose accounts are in memory."""
    return replace(troubled, accounts=memory_accounts(lambda: NOW, Passwords(memory_kib=64)))


def _tokens(fake: Any) -> list[Any]:
    return list(asyncio.run(fake.accounts.tokens.all()))


def test_a_token_is_printed_once_and_works(run: Make, fake: Any) -> None:
    """It stands alone on standard output; it is valid for 90 days as a viewer's."""
    ran = run(fake, "token", "create", "grafana")
    assert ran.stderr == (
        "grafana: viewer, expires 2025-04-12 18:30 UTC\nthe token, shown this once:\n"
    )
    verified = asyncio.run(fake.accounts.tokens.verify(ran.stdout.strip()))
    assert (verified.name, verified.role, verified.expires_at) == (
        "grafana",
        "viewer",
        NOW + timedelta(days=90),
    )
    assert verified.created_by.endswith("at the command line")


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("12h", timedelta(hours=12)),
        ("1d", timedelta(days=1)),
        ("52w", timedelta(weeks=52)),
        ("3650d", timedelta(days=3650)),
        ("never", None),
    ],
)
def test_ages(run: Make, fake: Any, text: str, age: timedelta | None) -> None:
    """Hours, days, weeks up to ten years, or never."""
    assert run(fake, "token", "create", "x", "--expires", text).exit_code == 0
    (token,) = _tokens(fake)
    assert token.expires_at == (NOW + age if age else None)


@pytest.mark.parametrize("text", ["", "0d", "-1d", "90", "1y", "3651d", "99999w", "1e3d", "٣d"])
def test_an_age_that_is_none_makes_no_token(run: Make, fake: Any, text: str) -> None:
    """Anything else is refused before a token is made."""
    ran = run(fake, "token", "create", "x", "--expires", text)
    assert ran.exit_code == 1
    assert ran.stderr.startswith("--expires: expected ")
    assert _tokens(fake) == []


def test_tokens_are_listed_with_what_became_of_them(run: Make, fake: Any) -> None:
    """Valid, revoked and without end, used or not; never the token itself."""
    secret = run(fake, "token", "create", "a", "--role", "operator").stdout.strip()
    run(fake, "token", "create", "b", "--expires", "never")
    run(fake, "token", "create", "c")
    asyncio.run(fake.accounts.tokens.verify(secret))
    assert run(fake, "token", "revoke", "c").stderr == "c is void\n"
    ran = run(fake, "token", "list")
    rows = [line.split("  by ")[0].split() for line in ran.stdout.splitlines()]
    assert [" ".join(row) for row in rows] == [
        "a operator expires 2025-04-12 18:30 UTC used 2025-01-12",
        "b viewer never expires never used",
        "c viewer revoked 2025-01-12 never used",
    ]
    assert secret not in ran.stdout


def test_a_token_that_ran_out_is_told_as_such(run: Make, fake: Any) -> None:
    """Expired is not expiring."""
    asyncio.run(
        fake.accounts.tokens.add(
            "old", "viewer", created_by="kim", expires_at=NOW - timedelta(days=1)
        )
    )
    assert "expired 2025-01-11 18:30 UTC" in run(fake, "token", "list").stdout


def test_no_token_is_said(run: Make, fake: Any) -> None:
    """An empty list says how to make one."""
    ran = run(fake, "token", "list")
    assert (ran.stdout, ran.stderr) == (
        "",
        "there is no token; create one with: mailvane token create NAME\n",
    )


def test_a_taken_or_unknown_name_is_a_sentence(run: Make, fake: Any) -> None:
    """Exit status 1 and why; no second token of that name."""
    run(fake, "token", "create", "x")
    for refused in (("create", "x"), ("revoke", "y")):
        ran = run(fake, "token", *refused)
        assert (ran.exit_code, ran.stdout) == (1, "")
        assert ran.stderr
    assert len(_tokens(fake)) == 1
