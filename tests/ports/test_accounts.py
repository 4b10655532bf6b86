"""What every keeper of accounts does: in memory, in SQLite and in PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailvane.core.accounts import SESSION_IDLE, SESSION_LIFE, Accounts, Role, User
from mailvane.core.errors import AccountRefused
from mailvane.core.secret import Secret
from mailvane.store.accounts import sql_accounts
from mailvane.store.database import Database
from mailvane.store.memory import memory_accounts
from mailvane.store.passwords import Passwords
from mailvane.store.sessions import SESSIONS_MAX

PASSWORD = "correct horse battery"
OTHER = "staple of another kind"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2025, 1, 12, 18, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Now, as the test has it."""
        return self.now

    def advance(self, by: timedelta) -> None:
        """It is later by that much."""
        self.now += by


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until it is moved."""
    return Clock()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def accounts(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> AsyncIterator[Accounts]:
    """Accounts without anyone, in each of the places where they can be kept."""
    cheap = Passwords(memory_kib=8)
    if request.param == "memory":
        yield memory_accounts(clock, cheap)
        return
    url = f"sqlite:///{tmp_path}/store.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_database")
    database = Database(Secret(url))
    await database.open()
    yield sql_accounts(database, clock, cheap)
    await database.close()


@pytest.fixture
async def kim(accounts: Accounts) -> User:
    """An admin, the only one."""
    return await accounts.users.add("kim", PASSWORD, Role.ADMIN)


async def test_a_user_is_found_by_name_in_any_case(accounts: Accounts) -> None:
    """Names are kept in lower case and compared without it."""
    kim = await accounts.users.add("Kim", PASSWORD, Role.VIEWER)
    assert kim.name == "kim"
    assert await accounts.users.find("KIM") == kim
    assert await accounts.users.find("lee") is None


async def test_users_are_listed_by_name(accounts: Accounts, clock: Clock) -> None:
    """All users, in alphabetical order, as they were made."""
    for name in ("lee", "kim"):
        await accounts.users.add(name, PASSWORD, Role.VIEWER)
    listed = await accounts.users.all()
    assert [user.name for user in listed] == ["kim", "lee"]
    assert {user.created_at for user in listed} == {clock.now}


async def test_a_taken_name_is_refused_in_any_case(accounts: Accounts, kim: User) -> None:
    """There is one kim, and he keeps his role."""
    with pytest.raises(AccountRefused, match="already a user 'kim'"):
        await accounts.users.add("KIM", PASSWORD, Role.VIEWER)
    assert await accounts.users.find("kim") == kim


async def test_of_two_who_take_a_name_at_once_one_gets_it(accounts: Accounts) -> None:
    """Two adds in parallel leave one user and one refusal."""
    both = await asyncio.gather(
        *(accounts.users.add("kim", PASSWORD, Role.VIEWER) for _ in range(2)),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in both) == ["AccountRefused", "User"]


@pytest.mark.parametrize(
    ("name", "password"), [("k m", PASSWORD), ("kim", "short"), ("administrator", "Administrator")]
)
async def test_an_unfit_name_or_password_is_refused(
    accounts: Accounts, name: str, password: str
) -> None:
    """The rules of core hold whoever keeps the accounts."""
    with pytest.raises(AccountRefused):
        await accounts.users.add(name, password, Role.VIEWER)
    assert await accounts.users.all() == []


async def test_only_the_right_password_lets_in(accounts: Accounts, kim: User) -> None:
    """Wrong password, unknown user and a long one are None; the right one is the user."""
    assert await accounts.users.authenticate("Kim", PASSWORD) == kim
    assert await accounts.users.authenticate("kim", PASSWORD + "x") is None
    assert await accounts.users.authenticate("lee", PASSWORD) is None
    assert await accounts.users.authenticate("kim", "") is None
    assert await accounts.users.authenticate("kim' OR 1=1 --", PASSWORD) is None


async def test_a_disabled_user_is_not_let_in(accounts: Accounts, kim: User) -> None:
    """The right password does not help, and his sessions are over, until he is enabled again."""
    lee = await accounts.users.add("lee", OTHER, Role.VIEWER)
    session = await accounts.sessions.open(lee)
    await accounts.users.set_disabled("lee", disabled=True)
    assert await accounts.users.authenticate("lee", OTHER) is None
    assert await accounts.sessions.standing(session.id) is None
    await accounts.users.set_disabled("lee", disabled=False)
    assert await accounts.users.authenticate("lee", OTHER) is not None
    assert await accounts.sessions.standing(session.id) is None


async def test_a_new_password_voids_the_old_one_and_all_sessions(
    accounts: Accounts, kim: User
) -> None:
    """Only the new password lets in; the version grows; sessions are over."""
    session = await accounts.sessions.open(kim)
    changed = await accounts.users.set_password("KIM", OTHER)
    assert changed.version == kim.version + 1
    assert await accounts.users.authenticate("kim", PASSWORD) is None
    assert await accounts.users.authenticate("kim", OTHER) == changed
    assert await accounts.sessions.renew(session.refresh_token.reveal()) is None


async def test_a_new_role_voids_older_tokens(accounts: Accounts, kim: User) -> None:
    """The version grows with the role, so that no token goes on with the old one."""
    await accounts.users.add("lee", OTHER, Role.ADMIN)
    changed = await accounts.users.set_role("kim", Role.VIEWER)
    assert (changed.role, changed.version) == (Role.VIEWER, kim.version + 1)
    assert await accounts.users.find("kim") == changed


async def test_the_last_admin_stays(accounts: Accounts, kim: User) -> None:
    """He can be neither removed, demoted nor disabled; another admin who is disabled is no help."""
    await accounts.users.add("lee", OTHER, Role.ADMIN)
    await accounts.users.set_disabled("lee", disabled=True)
    await accounts.users.add("max", OTHER, Role.OPERATOR)
    for attempt in (
        accounts.users.remove("kim"),
        accounts.users.set_role("kim", Role.OPERATOR),
        accounts.users.set_disabled("kim", disabled=True),
    ):
        with pytest.raises(AccountRefused, match="last admin"):
            await attempt
    assert await accounts.users.find("kim") == kim


async def test_an_admin_beside_another_can_go(accounts: Accounts, kim: User) -> None:
    """With a second admin the first may be removed."""
    await accounts.users.add("lee", OTHER, Role.ADMIN)
    await accounts.users.remove("kim")
    assert [user.name for user in await accounts.users.all()] == ["lee"]


async def test_of_two_admins_who_step_down_at_once_one_stays(accounts: Accounts, kim: User) -> None:
    """Two demotions in parallel leave one admin."""
    await accounts.users.add("lee", OTHER, Role.ADMIN)
    await asyncio.gather(*(accounts.users.find("kim") for _ in range(3)))  # connections are open
    both = await asyncio.gather(
        *(accounts.users.set_role(name, Role.VIEWER) for name in ("kim", "lee")),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in both) == ["AccountRefused", "User"]
    roles = sorted(user.role for user in await accounts.users.all())
    assert roles == [Role.ADMIN, Role.VIEWER]


async def test_an_unknown_user_cannot_be_changed(accounts: Accounts) -> None:
    """Each change says who is not there."""
    for attempt in (
        accounts.users.set_password("kim", PASSWORD),
        accounts.users.set_role("kim", Role.ADMIN),
        accounts.users.set_disabled("kim", disabled=True),
        accounts.users.remove("kim"),
    ):
        with pytest.raises(AccountRefused, match="no user 'kim'"):
            await attempt


async def test_a_session_goes_on_with_a_new_token_each_time(accounts: Accounts, kim: User) -> None:
    """A renewal gives another token of the same session, and that one renews it again."""
    first = await accounts.sessions.open(kim)
    second = await accounts.sessions.renew(first.refresh_token.reveal())
    assert second
    assert (second.id, second.user) == (first.id, kim)
    assert second.refresh_token != first.refresh_token
    assert await accounts.sessions.renew(second.refresh_token.reveal())


async def test_a_token_that_was_renewed_before_ends_its_session(
    accounts: Accounts, kim: User
) -> None:
    """Reuse means theft: neither the old nor the new token is good any more; other sessions are."""
    other = await accounts.sessions.open(kim)
    first = await accounts.sessions.open(kim)
    second = await accounts.sessions.renew(first.refresh_token.reveal())
    assert second
    assert await accounts.sessions.renew(first.refresh_token.reveal()) is None
    assert await accounts.sessions.renew(second.refresh_token.reveal()) is None
    assert await accounts.sessions.standing(first.id) is None
    assert await accounts.sessions.standing(other.id) == kim


async def test_of_two_who_renew_at_once_one_succeeds_and_the_session_ends(
    accounts: Accounts, kim: User
) -> None:
    """One token cannot become two."""
    first = await accounts.sessions.open(kim)
    both = await asyncio.gather(
        *(accounts.sessions.renew(first.refresh_token.reveal()) for _ in range(2))
    )
    assert sum(one is not None for one in both) == 1
    assert await accounts.sessions.standing(first.id) is None


async def test_a_session_that_rests_for_a_week_is_over(
    accounts: Accounts, kim: User, clock: Clock
) -> None:
    """Just before it goes on, at the limit it is over."""
    session = await accounts.sessions.open(kim)
    clock.advance(SESSION_IDLE - timedelta(seconds=1))
    renewed = await accounts.sessions.renew(session.refresh_token.reveal())
    assert renewed
    clock.advance(SESSION_IDLE)
    assert await accounts.sessions.standing(renewed.id) is None
    assert await accounts.sessions.renew(renewed.refresh_token.reveal()) is None


async def test_a_session_is_over_after_a_month_however_used(
    accounts: Accounts, kim: User, clock: Clock
) -> None:
    """Renewed every day it still ends thirty days after the login."""
    session = await accounts.sessions.open(kim)
    for _ in range(SESSION_LIFE.days - 1):
        clock.advance(timedelta(days=1))
        session = await accounts.sessions.renew(session.refresh_token.reveal()) or session
    assert await accounts.sessions.standing(session.id) == kim
    clock.advance(timedelta(days=1))
    assert await accounts.sessions.standing(session.id) is None


@pytest.mark.parametrize(
    "garbage", ["", "mvr_", "mvr_x", "mvr__x", "mvt_00_x", "mvr_%_x", "mvr_é_x", "x" * 5000]
)
async def test_what_is_no_refresh_token_renews_nothing(accounts: Accounts, garbage: str) -> None:
    """Garbage is None and ends nothing."""
    assert await accounts.sessions.renew(garbage) is None
    await accounts.sessions.close_by_token(garbage)


async def test_a_logout_ends_one_session(accounts: Accounts, kim: User) -> None:
    """By id or by token; a second time is no error; the other session goes on."""
    one, two, three = [await accounts.sessions.open(kim) for _ in range(3)]
    await accounts.sessions.close(one.id)
    await accounts.sessions.close(one.id)
    await accounts.sessions.close_by_token(two.refresh_token.reveal())
    assert await accounts.sessions.standing(one.id) is None
    assert await accounts.sessions.standing(two.id) is None
    assert await accounts.sessions.standing(three.id) == kim


async def test_a_logout_everywhere_voids_all_of_one_user(accounts: Accounts, kim: User) -> None:
    """Sessions end and the version grows; those of others stay."""
    lee = await accounts.users.add("lee", OTHER, Role.VIEWER)
    mine = [await accounts.sessions.open(kim) for _ in range(2)]
    his = await accounts.sessions.open(lee)
    await accounts.sessions.close_all(kim.id)
    assert [await accounts.sessions.standing(session.id) for session in mine] == [None, None]
    assert await accounts.sessions.standing(his.id) == lee
    found = await accounts.users.find("kim")
    assert found
    assert found.version == kim.version + 1


async def test_too_many_sessions_end_the_oldest(
    accounts: Accounts, kim: User, clock: Clock
) -> None:
    """One user has a bounded number of logins; the one that rested longest makes room."""
    sessions = []
    for _ in range(SESSIONS_MAX + 1):
        sessions.append(await accounts.sessions.open(kim))
        clock.advance(timedelta(seconds=1))
    alive = [await accounts.sessions.standing(session.id) for session in sessions]
    assert alive == [None, *[kim] * SESSIONS_MAX]


async def test_a_removed_user_has_no_sessions(accounts: Accounts, kim: User) -> None:
    """They go with him."""
    lee = await accounts.users.add("lee", OTHER, Role.VIEWER)
    session = await accounts.sessions.open(lee)
    await accounts.users.remove("lee")
    assert await accounts.sessions.standing(session.id) is None


async def test_an_api_token_is_known_by_what_was_shown_once(accounts: Accounts) -> None:
    """The text begins with mvt_, verifies as the token, and stands in no listing."""
    token, text = await accounts.tokens.add("Grafana", Role.VIEWER, created_by="kim")
    assert text.reveal().startswith("mvt_")
    found = await accounts.tokens.verify(text.reveal())
    assert found
    assert (found.name, found.role) == ("grafana", Role.VIEWER)
    assert text.reveal().rpartition("_")[2] not in repr(await accounts.tokens.all())
    assert token.id == found.id


async def test_a_token_that_is_nearly_right_is_wrong(accounts: Accounts) -> None:
    """A changed letter, a cut one, another mark and the id alone are None."""
    _, text = await accounts.tokens.add("grafana", Role.VIEWER, created_by="kim")
    right = text.reveal()
    last = "A" if right[-1] != "A" else "B"
    for wrong in (
        right[:-1] + last,
        right[:-1],
        right + "x",
        right.replace("mvt_", "mvr_"),
        "mvt_",
    ):
        assert await accounts.tokens.verify(wrong) is None


async def test_a_token_is_void_when_revoked(accounts: Accounts) -> None:
    """Revoking twice is no error and keeps the first moment; an unknown name is refused."""
    _, text = await accounts.tokens.add("grafana", Role.VIEWER, created_by="kim")
    first = await accounts.tokens.revoke("GRAFANA")
    assert await accounts.tokens.revoke("grafana") == first
    assert await accounts.tokens.verify(text.reveal()) is None
    with pytest.raises(AccountRefused, match="no token 'other'"):
        await accounts.tokens.revoke("other")


async def test_a_token_is_void_when_it_expires(accounts: Accounts, clock: Clock) -> None:
    """Valid until just before, void at the moment."""
    expires_at = clock.now + timedelta(hours=1)
    _, text = await accounts.tokens.add(
        "grafana", Role.VIEWER, created_by="kim", expires_at=expires_at
    )
    clock.advance(timedelta(minutes=59, seconds=59))
    assert await accounts.tokens.verify(text.reveal())
    clock.advance(timedelta(seconds=1))
    assert await accounts.tokens.verify(text.reveal()) is None


async def test_a_tokens_name_is_free_again_once_it_is_void(accounts: Accounts) -> None:
    """A valid token keeps its name; a revoked one gives it up, and stays void."""
    _, old = await accounts.tokens.add("grafana", Role.VIEWER, created_by="kim")
    with pytest.raises(AccountRefused, match="already a token 'grafana'"):
        await accounts.tokens.add("grafana", Role.ADMIN, created_by="kim")
    await accounts.tokens.revoke("grafana")
    _, new = await accounts.tokens.add("grafana", Role.OPERATOR, created_by="kim")
    assert await accounts.tokens.verify(old.reveal()) is None
    assert await accounts.tokens.verify(new.reveal())


async def test_a_tokens_last_use_is_noted(accounts: Accounts, clock: Clock) -> None:
    """None at first, then the time of use."""
    token, text = await accounts.tokens.add("grafana", Role.VIEWER, created_by="kim")
    assert token.last_used_at is None
    clock.advance(timedelta(hours=1))
    await accounts.tokens.verify(text.reveal())
    assert [token.last_used_at for token in await accounts.tokens.all()] == [clock.now]
