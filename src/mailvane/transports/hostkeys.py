"""Pinned host keys: which key a server must show, and how a new one is pinned.

Files have OpenSSH's known_hosts format (sshd(8)); hashed names, `@cert-authority` and `@revoked` are honoured.
A name is looked up as OpenSSH does, by the host that is connected to, never by the address found for it:
whoever controls DNS must not choose the key.
"""

import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import asyncssh

SSH_PORT = 22


@dataclass(frozen=True, slots=True)
class HostKey:
    """A public key that a server shows."""

    host: str
    port: int
    algorithm: str
    public: str
    """The key in base64, as in a known_hosts line."""
    fingerprint: str
    """`SHA256:…`, as `ssh-keygen -l` prints it."""

    @property
    def line(self) -> str:
        """The key as a line of known_hosts."""
        return f"{pinned_name(self.host, self.port)} {self.algorithm} {self.public}"

    def __str__(self) -> str:
        return f"{self.algorithm} {self.fingerprint}"


@dataclass(frozen=True, slots=True)
class Pins:
    """What the files say about one server."""

    keys: tuple[asyncssh.SSHKey, ...] = ()
    authorities: tuple[asyncssh.SSHKey, ...] = ()
    """Keys that may sign host certificates."""
    revoked: tuple[asyncssh.SSHKey, ...] = ()

    @property
    def shown(self) -> str:
        """The fingerprints of the pinned keys, for a sentence; empty when there are none."""
        return ", ".join(f"{key.get_algorithm()} {key.get_fingerprint()}" for key in self.keys)


def pinned_name(host: str, port: int) -> str:
    """The name under which a key is pinned: the host, or `[host]:port` when that is not 22."""
    name = host.lower()
    return name if port == SSH_PORT else f"[{name}]:{port}"


def host_key(host: str, port: int, key: asyncssh.SSHKey) -> HostKey:
    """The key as a value."""
    algorithm, public = key.export_public_key().decode().split()[:2]
    return HostKey(host, port, algorithm, public, key.get_fingerprint())


def pins(files: Iterable[Path], host: str, port: int) -> Pins:
    """What the files that are there pin for the server; a line that cannot be read pins nothing."""
    keys: list[asyncssh.SSHKey] = []
    authorities: list[asyncssh.SSHKey] = []
    revoked: list[asyncssh.SSHKey] = []
    for file in files:
        known = _read(file)
        if known:
            found = known.match(host.lower(), "", None if port == SSH_PORT else port)
            keys += found[0]
            authorities += found[1]
            revoked += found[2]
    return Pins(tuple(keys), tuple(authorities), tuple(revoked))


def pin(file: Path, key: HostKey) -> None:
    """The file pins this key for its host and port, beside those of other algorithms that were pinned.

    A key of the same algorithm is replaced, so that the old one opens nothing any more.
    The file is readable by us alone; it is complete at any moment.
    """
    pin_all(file, [key])


def pin_all(file: Path, new: Sequence[HostKey]) -> None:
    """As `pin`, for several keys at once."""
    if any(character.isspace() for key in new for character in key.host):
        raise ValueError("a host name has no white space")
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    old = file.read_text().splitlines() if file.exists() else []
    replaced = {tuple(key.line.split()[:2]) for key in new}
    lines = [line for line in old if tuple(line.split()[:2]) not in replaced]
    lines += [key.line for key in new]
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as written:
        written.write("\n".join(lines) + "\n")
        written.flush()
        os.fsync(written.fileno())
    Path(written.name).replace(file)


def _read(file: Path) -> asyncssh.SSHKnownHosts | None:
    try:
        about = file.stat()
        return _parsed(file, about.st_mtime_ns, about.st_size)
    except OSError:
        return None


@lru_cache(maxsize=64)
def _parsed(file: Path, changed_ns: int, size: int) -> asyncssh.SSHKnownHosts:
    """The file as it was when it had that age and size: reading keys is dear, connections are many."""
    del changed_ns, size
    known = asyncssh.SSHKnownHosts()
    for line in file.read_text(errors="replace").splitlines():
        try:
            known.load(line)
        except ValueError:
            continue
    return known
