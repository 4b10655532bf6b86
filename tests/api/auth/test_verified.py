"""What was verified a moment ago is known, for a moment."""

import pytest

from mailvane.api.auth.identity import Identity, Kind
from mailvane.api.auth.verified import (
    AGAIN_AFTER_SECONDS,
    REMEMBERED_SECONDS,
    RENEW_AFTER_SECONDS,
    Verified,
)
from mailvane.core.accounts import Role

KIM = Identity(kind=Kind.USER, name="kim", role=Role.ADMIN, user_id="u1", session_id="s1")
LEE = Identity(kind=Kind.USER, name="lee", role=Role.VIEWER, user_id="u2", session_id="s2")


class Ticks:
    """Seconds as the test has them."""

    now = 50.0

    def __call__(self) -> float:
        """Now."""
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    """A clock that stands."""
    return Ticks()


@pytest.fixture
def table(ticks: Ticks) -> Verified:
    """An empty table with room for three."""
    return Verified(ticks, bound=3)


def test_a_token_is_known_for_ten_seconds(table: Verified, ticks: Ticks) -> None:
    """Just before, at the limit, and never another token."""
    table.put(b"one", KIM, 900)
    ticks.now += AGAIN_AFTER_SECONDS - 0.1
    assert table.get(b"one") == KIM
    assert table.reads(b"one", ticks.now)
    assert table.get(b"onf") is None
    ticks.now += 0.1
    assert table.get(b"one") is None
    assert not table.reads(b"one", ticks.now)


def test_a_token_is_not_known_longer_than_it_is_valid(table: Verified, ticks: Ticks) -> None:
    """With two seconds left it is known for two seconds, also when the store is away."""
    table.put(b"one", KIM, 2)
    ticks.now += 2
    assert table.get(b"one") is None
    assert table.remembered(b"one") is None


def test_who_has_no_role_does_not_read(table: Verified, ticks: Ticks) -> None:
    """Known is not allowed."""
    table.put(b"one", Identity(kind=Kind.PLATFORM, name="x", role=None), 900)
    assert table.get(b"one")
    assert not table.reads(b"one", ticks.now)


def test_the_oldest_makes_room(table: Verified, ticks: Ticks) -> None:
    """Never more than the bound; a token that was verified again is not the oldest."""
    for token in (b"1", b"2", b"3", b"1", b"4"):
        table.put(token, KIM, 900)
    assert [table.get(token) is not None for token in (b"1", b"2", b"3", b"4")] == [
        *(True, False, True, True)
    ]


def test_one_users_tokens_can_be_forgotten(table: Verified) -> None:
    """Those of others stay."""
    table.put(b"one", KIM, 900)
    table.put(b"two", LEE, 900)
    table.forget_user("u1")
    assert table.get(b"one") is None
    assert table.remembered(b"one") is None
    assert table.get(b"two") == LEE


def test_a_dropped_token_is_not_remembered(table: Verified) -> None:
    """What was found not valid any more is gone for good."""
    table.put(b"one", KIM, 900)
    table.drop(b"one")
    table.drop(b"one")
    assert table.remembered(b"one") is None


def test_a_remembered_token_may_read_and_no_more(table: Verified, ticks: Ticks) -> None:
    """For five minutes after its last verification, ten seconds at a time."""
    table.put(b"one", KIM, 900)
    ticks.now += 60
    reader = table.remembered(b"one")
    assert reader
    assert (reader.name, reader.role) == ("kim", Role.VIEWER)
    assert table.get(b"one") == reader
    ticks.now += REMEMBERED_SECONDS - 60 - 0.1
    assert table.get(b"one") is None
    assert table.remembered(b"one")
    ticks.now += 0.1
    assert table.remembered(b"one") is None


def test_no_token_lies_in_the_table(table: Verified) -> None:
    """Only keyed digests do, other ones in every process."""
    table.put(b"a-secret-token", KIM, 900)
    other = Verified(Ticks())
    other.put(b"a-secret-token", KIM, 900)
    assert "a-secret-token" not in repr(table._entries)
    assert set(table._entries) != set(other._entries)


def test_a_token_in_use_is_verified_anew_beside_its_use(table: Verified, ticks: Ticks) -> None:
    """From half its time on, once, while it still reads; not one that nobody uses."""
    renewed: list[bytes] = []
    table.renew = renewed.append
    table.put(b"one", KIM, 900)
    table.put(b"idle", LEE, 900)
    ticks.now += RENEW_AFTER_SECONDS - 0.1
    assert table.reads(b"one", ticks.now)
    assert renewed == []
    ticks.now += 0.1
    assert all(table.reads(b"one", ticks.now) for _ in range(3))
    assert renewed == [b"one"]


def test_a_forgotten_token_is_not_held(table: Verified) -> None:
    """What was verified before its user was logged out is not put back."""
    table.put(b"one", KIM, 900)
    assert table.holds(b"one")
    table.forget_user("u1")
    assert not table.holds(b"one")
