"""`mailvane user`, over real accounts in memory."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from mailvane.core.accounts import Role
from mailvane.store.memory import memory_accounts
from mailvane.store.passwords import Passwords

Make = Callable[..., Any]
PASSWORD = "correct horse battery"


@pytest.fixture
def fake(troubled: Any) -> Any:
    """An app whose accounts are in memory, with cheap hashes."""
    clock = lambda: datetime(2025, 1, 12, 18, 30, tzinfo=UTC)  # noqa: E731
    return replace(troubled, accounts=memory_accounts(clock, Passwords(memory_kib=64)))


def _authenticated(fake: Any, name: str, password: str) -> Any:
    return asyncio.run(fake.accounts.users.authenticate(name, password))


def test_a_password_comes_from_standard_input(run: Make, fake: Any) -> None:
    """The first line is the password; it is shown nowhere, and it opens the door."""
    ran = run(
        fake, "user", "add", "kim", "--role", "admin", "--password-stdin", input=f"{PASSWORD}\n"
    )
    assert (ran.stdout, ran.stderr, ran.exit_code) == ("", "kim can log in as admin\n", 0)
    assert _authenticated(fake, "kim", PASSWORD).role is Role.ADMIN


def test_a_generated_password_is_printed_once_and_works(run: Make, fake: Any) -> None:
    """It stands alone on standard output, so that a script can take it."""
    ran = run(fake, "user", "add", "kim", "--generate")
    assert ran.stderr == "kim can log in as viewer\nthe password, shown this once:\n"
    assert len(ran.stdout.strip()) == 20
    assert _authenticated(fake, "kim", ran.stdout.strip())
    assert run(fake, "user", "add", "lee", "--generate").stdout != ran.stdout


def test_without_a_terminal_nothing_is_guessed(run: Make, fake: Any) -> None:
    """Without a terminal and without an option it says how, and adds nobody."""
    ran = run(fake, "user", "add", "kim")
    assert (ran.stdout, ran.exit_code) == ("", 1)
    assert ran.stderr == (
        "there is no terminal to ask for a password\nuse --password-stdin or --generate\n"
    )
    assert asyncio.run(fake.accounts.users.all()) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("short\n", "expected at least 12 characters, found 5"),
        ("", "found 0"),
        ("Kim-kim-kim-kim", ""),
    ],
)
def test_an_unfit_password_is_refused(run: Make, fake: Any, text: str, why: str) -> None:
    """What the API would refuse is refused here too, with the reason."""
    name = "kim-kim-kim-kim"
    ran = run(fake, "user", "add", name, "--password-stdin", input=text)
    assert ran.exit_code == 1
    assert ran.stderr.startswith("this password cannot be used: ")
    assert why in ran.stderr
    assert asyncio.run(fake.accounts.users.all()) == []


def test_stdin_and_generate_exclude_each_other(run: Make, fake: Any) -> None:
    """Two sources of one password are a wrong call."""
    assert run(fake, "user", "add", "kim", "--generate", "--password-stdin").exit_code == 2


def test_users_are_listed(run: Make, fake: Any) -> None:
    """Name, role, since when, and whether disabled."""
    run(fake, "user", "add", "kim", "--role", "admin", "--generate")
    run(fake, "user", "add", "lee", "--generate")
    asyncio.run(fake.accounts.users.set_disabled("lee", disabled=True))
    ran = run(fake, "user", "list")
    assert ran.stdout == (
        "kim  admin   since 2025-01-12\nlee  viewer  since 2025-01-12  disabled\n"
    )


def test_no_user_is_said(run: Make, fake: Any) -> None:
    """An empty list says how to add the first; standard output stays empty."""
    ran = run(fake, "user", "list")
    assert (ran.stdout, ran.exit_code) == ("", 0)
    assert ran.stderr == "there is no user; add one with: mailvane user add NAME --role admin\n"


def test_a_password_can_be_set_anew(run: Make, fake: Any) -> None:
    """The new one opens the door, the old one does not."""
    run(fake, "user", "add", "kim", "--password-stdin", input=PASSWORD)
    ran = run(fake, "user", "password", "kim", "--generate")
    assert _authenticated(fake, "kim", PASSWORD) is None
    assert _authenticated(fake, "kim", ran.stdout.strip())


def test_roles_change_but_the_last_admin_stays(run: Make, fake: Any) -> None:
    """Nobody can lock everybody out."""
    run(fake, "user", "add", "kim", "--role", "admin", "--generate")
    run(fake, "user", "add", "lee", "--generate")
    assert run(fake, "user", "role", "lee", "operator").stderr == "lee is operator now\n"
    for refused in (("role", "kim", "viewer"), ("remove", "kim")):
        ran = run(fake, "user", *refused)
        assert ran.exit_code == 1
        assert "admin" in ran.stderr
    assert run(fake, "user", "remove", "lee").stderr == "lee is removed\n"
    assert [user.name for user in asyncio.run(fake.accounts.users.all())] == ["kim"]


def test_an_unknown_user_is_a_sentence(run: Make, fake: Any) -> None:
    """Exit status 1 and why."""
    ran = run(fake, "user", "remove", "nobody")
    assert (ran.exit_code, ran.stderr) == (1, "there is no user 'nobody'\n")


def test_an_unknown_role_is_a_wrong_call(run: Make, fake: Any) -> None:
    """The roles are viewer, operator, admin; exit status 2 otherwise."""
    ran = run(fake, "user", "add", "kim", "--role", "root", "--generate")
    assert ran.exit_code == 2
    assert "viewer" in ran.stderr
