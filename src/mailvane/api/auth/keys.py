"""The secret from which every key of ours is derived, one key for one purpose."""

import contextlib
import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from mailvane.core.errors import MailvaneError
from mailvane.core.secret import Secret

KEY_BYTES = 32
ACCESS_TOKENS = b"access tokens"
CSRF = b"csrf"


class KeyUnsafe(MailvaneError):
    """The file with the secret can be read by others, or does not hold one."""


def load_or_make(path: Path) -> Secret:
    """The secret in the file; on the first call a new one, readable by us alone.

    Of processes that start at once, all get the same. Raises KeyUnsafe.
    """
    with contextlib.suppress(FileNotFoundError):
        return _load(path)
    _make(path)
    return _load(path)


def derived(secret: Secret, purpose: bytes) -> bytes:
    """The key for one purpose; what is signed for one is worth nothing for another."""
    return hmac.digest(secret.reveal().encode(), purpose, hashlib.sha256)


def _load(path: Path) -> Secret:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise KeyUnsafe(f"{path} can be read by others (mode {mode:04o}); run: chmod 600 {path}")
    text = path.read_text().strip()
    if len(text) < 2 * KEY_BYTES:
        raise KeyUnsafe(f"expected a key of {KEY_BYTES} bytes in {path}; remove it for a new one")
    return Secret(text)


def _make(path: Path) -> None:
    """The file is there, complete, whoever made it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
