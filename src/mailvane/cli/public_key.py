"""The public half of the key that Mailvane logs in with."""

import re
from pathlib import Path

from mailvane.cli.command import CannotGoOn
from mailvane.core.server import Ssh

USUAL = ("id_ed25519", "id_ecdsa", "id_rsa")
"""What OpenSSH tries when no key is configured, best first."""
_LINE = re.compile(
    r"((?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]{40,}={0,2})(?: (.*))?"
)
_LIMIT = 16_384


def public_key(reach: Ssh, home: Path) -> str:
    """`type base64` of the configured key, else of the first usual one; raises CannotGoOn."""
    if reach.key is not None:
        return _of(reach.key)
    usual = [home / ".ssh" / name for name in USUAL]
    found = next((key for key in usual if _public_file(key).exists() or key.exists()), None)
    if found is None:
        raise CannotGoOn(
            "no key is configured (ssh.key) and none of the usual ones is there;"
            " make one with: ssh-keygen -t ed25519 -N '' -f ~/.ssh/id_ed25519"
        )
    return _of(found)


def _of(key: Path) -> str:
    """From the .pub file beside it, else derived from the private one."""
    public = _public_file(key)
    if public.exists():
        return _read(public)
    return _derived(key)


def _public_file(key: Path) -> Path:
    return key.with_name(key.name + ".pub")


def _read(public: Path) -> str:
    try:
        with public.open(encoding="utf-8", errors="replace") as stream:
            line = stream.readline(_LIMIT).strip()
    except OSError as error:
        raise CannotGoOn(f"{public} cannot be read: {error.strerror}") from error
    match = _LINE.fullmatch(line)
    if match is None:
        raise CannotGoOn(f"{public}: expected a public key such as `ssh-ed25519 AAAA…`")
    return match[1]


def _derived(key: Path) -> str:
    import asyncssh

    try:
        private = asyncssh.read_private_key(key)
    except OSError as error:
        raise CannotGoOn(f"{key} cannot be read: {error.strerror}") from error
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise CannotGoOn(
            f"{key}: {error}; write its public half beside it: ssh-keygen -y -f {key} > {key}.pub"
        ) from error
    match = _LINE.fullmatch(private.export_public_key().decode().strip())
    if match is None:
        raise CannotGoOn(f"{key}: a key of a type that authorized_keys does not know")
    return match[1]
