"""The private keys that we log in with."""

import asyncio
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import asyncssh

from mailvane.core.response import Reason, Unanswered

OTHERS = stat.S_IRWXG | stat.S_IRWXO

Pair = asyncssh.SSHKeyPair | asyncssh.SSHKey | tuple[asyncssh.SSHKey, str]
"""A key from the agent, a key, or a key with the file of its certificate."""


@dataclass(slots=True)
class Keys:
    """What is offered at a login."""

    pairs: list[Pair] = field(default_factory=list)
    """Empty: the user's default ones."""
    agent_path: str | None = None
    """The agent whose keys are offered as well."""
    agent: asyncssh.SSHAgentClient | None = None
    """Signs for the pairs; to be closed after the login."""

    def close(self) -> None:
        """The agent is let go."""
        if self.agent:
            self.agent.close()


async def keys_for(
    explicit: Path | None, configured: Sequence[str], agent_path: str | None
) -> Keys | Unanswered:
    """The explicit key and no other, as each one more counts as a failed login; else what is configured."""
    if explicit is None:
        there = await asyncio.to_thread(_those_there, configured)
        return there if isinstance(there, Unanswered) else Keys(there, agent_path)
    path = explicit.expanduser()  # noqa: ASYNC240  looks at the environment only
    key = await asyncio.to_thread(_named, path)
    if isinstance(key, Unanswered):
        return key
    return Keys([key]) if key else await _from_agent(path, agent_path)


def _named(path: Path) -> Pair | Unanswered | None:
    """The key of that file; None when it has a passphrase."""
    if bad := unfit(path):
        return bad
    try:
        return _with_certificate(path)
    except asyncssh.KeyEncryptionError:
        return None
    except (asyncssh.KeyImportError, OSError) as error:
        if str(error).startswith("Passphrase"):
            return None
        detail = f"{path} is no private key that we can read: {error}"
        return Unanswered(Reason.AUTH, detail, f"ssh-keygen -y -f {path}")


def _those_there(paths: Sequence[str]) -> list[Pair] | Unanswered:
    """The keys of those files that are there and need no passphrase, as OpenSSH takes `IdentityFile`."""
    found: list[Pair] = []
    for path in (Path(name).expanduser() for name in paths):
        if not path.is_file():
            continue
        if bad := unfit(path):
            return bad
        try:
            found.append(_with_certificate(path))
        except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError):
            continue
    return found


def unfit(path: Path) -> Unanswered | None:
    """Why a private key must not be used: it is not there, or others may read it."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        return Unanswered(Reason.AUTH, f"the key {path} cannot be read: {error.strerror}")
    if mode & OTHERS:
        return Unanswered(
            Reason.AUTH,
            f"the key {path} has mode {mode:04o}: others can use it",
            f"chmod 600 {path}",
        )
    return None


def _with_certificate(path: Path) -> Pair:
    about = path.stat()
    key = _loaded(path, about.st_mtime_ns, about.st_size)
    certificate = Path(f"{path}-cert.pub")
    return (key, str(certificate)) if certificate.is_file() else key


@lru_cache(maxsize=64)
def _loaded(path: Path, changed_ns: int, size: int) -> asyncssh.SSHKey:
    """The key of the file at that age and size: checking an RSA key takes up to half a second."""
    del changed_ns, size
    return asyncssh.read_private_key(path)


async def _from_agent(path: Path, agent_path: str | None) -> Keys | Unanswered:
    locked = Unanswered(
        Reason.AUTH, f"the key {path} has a passphrase and no agent holds it", f"ssh-add {path}"
    )
    if not agent_path:
        return locked
    try:
        wanted = asyncssh.read_public_key(f"{path}.pub").public_data
        agent = await asyncssh.connect_agent(agent_path)
    except (OSError, ValueError):
        return locked
    try:
        held = await agent.get_keys([wanted])
    except ValueError:
        held = []
    keys = Keys(list(held), agent=agent)
    if keys.pairs:
        return keys
    keys.close()
    return locked


def agent_of(configured: object) -> str | None:
    """The agent's socket: what the OpenSSH configuration says, else what the environment says."""
    said = configured if isinstance(configured, str) else os.environ.get("SSH_AUTH_SOCK", "")
    return str(Path(said).expanduser()) if said and said != "SSH_AUTH_SOCK" else None
