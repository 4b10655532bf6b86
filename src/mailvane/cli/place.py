"""Where a new server is, as it was named on the command line, and what it is called then."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailvane.cli.command import CannotGoOn
from mailvane.core.server import Server, Ssh

_PLACE = re.compile(
    r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9._-]{0,63})@)?"
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9][A-Za-z0-9._-]{0,252}))"
    r"(?::(?P<port>[0-9]{1,5}))?"
)
_IPV4 = re.compile(r"[0-9.]+")


@dataclass(frozen=True, slots=True)
class Place:
    """A way to a machine: `user@host:port`, each but the host left to OpenSSH when it is None."""

    host: str
    user: str | None = None
    port: int | None = None

    @property
    def is_address(self) -> bool:
        """True when the host is a number."""
        return ":" in self.host or bool(_IPV4.fullmatch(self.host))


@dataclass(frozen=True, slots=True)
class Wish:
    """What the options say about the new server."""

    name: str | None = None
    hostname: str | None = None
    role: str = "mail"
    key: Path | None = None
    jump: str | None = None


def place(text: str) -> Place:
    """The place that `user@host:port` means; raises CannotGoOn when it means none."""
    match = _PLACE.fullmatch(text)
    port = int(match["port"]) if match and match["port"] else None
    if match is None or (port is not None and not 0 < port < 65_536):
        raise CannotGoOn(f"expected user@host, user@host:port or user@[IPv6]:port, found {text!r}")
    return Place(match["ipv6"] or match["host"], match["user"], port)


def reach(at: Place, wish: Wish, known_hosts: tuple[Path, ...]) -> Ssh:
    """How it is reached."""
    return Ssh(
        host=at.host,
        port=at.port,
        user=at.user,
        key=wish.key,
        jump=wish.jump,
        known_hosts=known_hosts,
    )


def hostname_of(at: Place, wish: Wish, own: str) -> str:
    """What the world knows it by: as told, else the host that was named, else what it calls itself.

    A bare word is taken for an alias of the OpenSSH configuration, unless the machine knows no better.
    """
    named = None if at.is_address or "." not in at.host else at.host
    told = wish.hostname or named or own.strip(".").lower()
    if not told:
        raise CannotGoOn(f"{at.host} does not know its own name: give --hostname")
    return told


def name_of(wish: Wish, hostname: str) -> str:
    """The short name: as told, else the first part of the hostname."""
    return wish.name or re.sub("[^a-z0-9-]+", "-", hostname.partition(".")[0].lower()).strip("-")


def server(name: str, hostname: str, at: Place, wish: Wish, way: Ssh) -> Server:
    """The server as the configuration will have it, its services yet to be found."""
    return Server(
        name=name,
        role=wish.role,
        hostname=hostname,
        reach=way,
        address=at.host if at.is_address else None,
    )


def entry(new: Server, at: Place, services: tuple[str, ...]) -> dict[str, Any]:
    """The server in the words of the configuration."""
    way = new.reach
    assert isinstance(way, Ssh)  # noqa: S101  made by `server` above
    alias = None if at.is_address or at.host == new.hostname else at.host
    key = str(way.key) if way.key else None
    ssh = {"user": at.user, "host": alias, "port": at.port, "key": key, "jump": way.jump}
    return {
        "name": new.name,
        "role": new.role,
        "hostname": new.hostname,
        "address": new.address,
        "ssh": {key: value for key, value in ssh.items() if value is not None},
        "services": list(services) or None,
    }
