"""Passwords are hashed with Argon2id, away from the event loop, and never kept."""

import asyncio
import base64
import unicodedata

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

AT_ONCE = 2
"""So many are hashed at a time: each takes 46 MiB and a core."""
MEMORY_KIB = 47_104
ROUNDS = 1
"""46 MiB, one round, one lane: the first choice of OWASP's Password Storage Cheat Sheet."""


class Passwords:
    """Hashes and verifies; the cost can be lowered for tests only."""

    def __init__(self, memory_kib: int = MEMORY_KIB, rounds: int = ROUNDS) -> None:
        hasher = Argon2Hasher(time_cost=rounds, memory_cost=memory_kib, parallelism=1)
        self._hash = PasswordHash([hasher])
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._nobody = _hash_of_nothing(memory_kib, rounds)

    async def hash(self, password: str) -> str:
        """What is kept of a password: parameters, salt and hash in one text."""
        async with self._turns:
            return await asyncio.to_thread(self._hash.hash, _one_form(password))

    async def verify(self, password: str, kept: str | None) -> tuple[bool, str | None]:
        """Whether the password is the one; and a new hash when the kept one is of an older cost.

        With nothing kept it is not, after the same work.
        """
        async with self._turns:
            return await asyncio.to_thread(
                self._hash.verify_and_update, _one_form(password), kept or self._nobody
            )


def _one_form(password: str) -> str:
    """One form for what looks the same, however the keyboard composed it (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def _hash_of_nothing(memory_kib: int, rounds: int) -> str:
    """A hash that no password has, but that costs as much to verify as any other."""
    salt, digest = (_b64(bytes(length)) for length in (16, 32))
    return f"$argon2id$v=19$m={memory_kib},t={rounds},p=1${salt}${digest}"


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")
