"""Roles, names and passwords as rules."""

from datetime import UTC, datetime, timedelta

import pytest

from mailvane.core.accounts import (
    ApiToken,
    Role,
    folded,
    highest,
    name_problem,
    password_problem,
)

NOW = datetime(2025, 1, 12, 18, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.VIEWER, [Role.VIEWER]),
        (Role.OPERATOR, [Role.VIEWER, Role.OPERATOR]),
        (Role.ADMIN, [Role.VIEWER, Role.OPERATOR, Role.ADMIN]),
    ],
)
def test_each_role_may_do_what_those_before_it_may(role: Role, may: list[Role]) -> None:
    """Roles are ordered: viewer < operator < admin."""
    assert [needed for needed in Role if role.covers(needed)] == may


def test_of_several_roles_the_highest_counts() -> None:
    """The highest role is taken, and none of none."""
    assert highest([Role.VIEWER, Role.ADMIN, Role.OPERATOR]) is Role.ADMIN
    assert highest([]) is None


@pytest.mark.parametrize("name", ["kim", "Kim", " kim ", "k", "kim.lee@example.com", "a" * 64])
def test_names_that_people_have_are_taken(name: str) -> None:
    """Mail addresses and short names will do, in any case."""
    assert name_problem(name) is None


@pytest.mark.parametrize(
    "name", ["", ".", "-kim", "kim lee", "kim\nlee", "k/m", "a" * 65, "kïm", "kim\x00"]
)
def test_names_with_anything_odd_are_refused(name: str) -> None:
    """Spaces inside, control characters, slashes and 65 letters are refused."""
    assert name_problem(name) is not None


def test_a_name_is_kept_in_one_form() -> None:
    """Case and the full-width look-alikes make no difference."""
    assert folded("Kim") == folded("KIM ") == folded("\uff2bim") == "kim"


@pytest.mark.parametrize(
    ("length", "found"), [(11, "at least 12"), (12, None), (256, None), (257, "at most 256")]
)
def test_a_password_has_between_12_and_256_characters(length: int, found: str | None) -> None:
    """The limits are tested at, below and above."""
    problem = password_problem("kim", "x" * length)
    assert problem is None if found is None else found in str(problem)


def test_a_password_is_not_the_user_name() -> None:
    """The name itself, in any case, is no password."""
    assert password_problem("administrator", "Administrator") is not None


@pytest.mark.parametrize(
    ("expires", "revoked", "valid"),
    [
        (None, None, True),
        (NOW + timedelta(seconds=1), None, True),
        (NOW, None, False),
        (NOW - timedelta(days=1), None, False),
        (None, NOW, False),
    ],
)
def test_an_api_token_is_valid_until_it_expires_or_is_revoked(
    expires: datetime | None, revoked: datetime | None, *, valid: bool
) -> None:
    """At the very moment of expiry it is void."""
    token = ApiToken(
        id="1",
        name="grafana",
        role=Role.VIEWER,
        created_by="kim",
        created_at=NOW - timedelta(days=2),
        expires_at=expires,
        last_used_at=None,
        revoked_at=revoked,
    )
    assert token.valid_at(NOW) is valid
