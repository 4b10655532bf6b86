"""Passwords are hashed, verified and moved to a higher cost."""

import pytest

from mailvane.store.passwords import Passwords


@pytest.fixture
def passwords() -> Passwords:
    """The least that Argon2 can do."""
    return Passwords(memory_kib=8)


async def test_a_hash_is_argon2id_with_a_salt_of_its_own(passwords: Passwords) -> None:
    """Two hashes of one password differ, and neither holds it."""
    one, two = await passwords.hash("correct horse"), await passwords.hash("correct horse")
    assert one.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert one != two
    assert "horse" not in one


async def test_the_password_itself_verifies_and_no_other(passwords: Passwords) -> None:
    """Right is right without a new hash; a changed letter is wrong."""
    kept = await passwords.hash("correct horse")
    assert await passwords.verify("correct horse", kept) == (True, None)
    assert await passwords.verify("Correct horse", kept) == (False, None)


async def test_nothing_verifies_where_nothing_is_kept(passwords: Passwords) -> None:
    """Without a user every password is wrong, the empty one too."""
    assert await passwords.verify("", None) == (False, None)
    assert await passwords.verify("x" * 256, None) == (False, None)


def test_nothing_costs_as_much_as_something() -> None:
    """The hash for unknown users has the same parameters as those that are made now."""
    passwords = Passwords()
    assert passwords._nobody.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert not passwords._hash.current_hasher.check_needs_rehash(passwords._nobody)


async def test_a_hash_of_a_lower_cost_is_made_anew(passwords: Passwords) -> None:
    """The right password gives a hash of today's cost, which verifies and needs no other."""
    kept = await passwords.hash("correct horse")
    dearer = Passwords(memory_kib=16, rounds=2)
    right, renewed = await dearer.verify("correct horse", kept)
    assert right
    assert renewed
    assert renewed.startswith("$argon2id$v=19$m=16,t=2")
    assert await dearer.verify("correct horse", renewed) == (True, None)


async def test_a_password_is_the_same_on_every_keyboard(passwords: Passwords) -> None:
    """One letter with a diaeresis, or a letter and a combining one, are the same."""
    kept = await passwords.hash("Schl\u00fcssel-Kasten")
    assert await passwords.verify("Schlu\u0308ssel-Kasten", kept) == (True, None)
