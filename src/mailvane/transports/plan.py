"""Where a login goes and how, once the settings and the user's OpenSSH configuration had their say."""

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncssh

from mailvane.core.response import Reason, Unanswered
from mailvane.core.server import Ssh
from mailvane.transports.hostkeys import Pins, pins
from mailvane.transports.keys import Keys, agent_of, keys_for

DEFAULT_CONFIG = Path("~/.ssh/config")
DEFAULT_KNOWN_HOSTS = Path("~/.ssh/known_hosts")


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a login goes and how, after the OpenSSH configuration had its say."""

    reach: Ssh
    options: asyncssh.SSHClientConnectionOptions = field(repr=False)
    jump: Ssh | None
    """The way there leads through this server."""

    @property
    def host(self) -> str:
        """The host to connect to."""
        return self.options.host

    @property
    def port(self) -> int:
        """The port to connect to."""
        return self.options.port

    @property
    def user(self) -> str:
        """The user to log in as."""
        return self.options.username

    @property
    def known_as(self) -> str:
        """The name that its host key is pinned under."""
        return self.options.host_key_alias or self.options.host

    @property
    def by_command(self) -> bool:
        """True when a ProxyCommand connects, so that we see no TCP."""
        return self.jump is None and bool(self.options.proxy_command)

    def setting(self, name: str) -> Any:
        """What the OpenSSH configuration says, None when nothing."""
        return self.options.config.get(name)

    async def keys(self) -> Keys | Unanswered:
        """What is offered at the login; nothing is asked over the network."""
        return await keys_for(
            self.reach.key,
            self.setting("IdentityFile") or (),
            agent_of(self.setting("IdentityAgent")),
        )

    def pins(self) -> Pins:
        """The host keys that are pinned for it now."""
        return pins(
            known_hosts_of(self.reach, self.setting("UserKnownHostsFile")), self.known_as, self.port
        )


async def make_plan(reach: Ssh) -> Plan | Unanswered:
    """Where a login would go; the configuration is read anew each time."""
    try:
        options = await asyncio.to_thread(_options, reach)
    except (OSError, ValueError) as error:
        detail = f"the OpenSSH configuration cannot be used: {error}"
        return Unanswered(Reason.AUTH, detail, f"ssh -G {reach.host}")
    if reach.jump:
        return Plan(reach, options, jump_reach(reach, reach.jump))
    configured = options.config.get("ProxyJump")
    ours = replace(reach, key=None)
    return Plan(reach, options, jump_reach(ours, str(configured)) if configured else None)


def _options(reach: Ssh) -> asyncssh.SSHClientConnectionOptions:
    return asyncssh.SSHClientConnectionOptions(
        **explicit(reach), client_keys=None, x509_trusted_certs=None
    )


def explicit(reach: Ssh) -> dict[str, Any]:
    """What the settings say, as asyncssh takes it: it wins over the OpenSSH configuration."""
    said: dict[str, Any] = {"host": reach.host}
    if reach.port:
        said["port"] = reach.port
    if reach.user:
        said["username"] = reach.user
    if reach.config_files:
        said["config"] = [str(file.expanduser()) for file in reach.config_files]
    return said


def jump_reach(reach: Ssh, jump: str) -> Ssh:
    """How the last of the jump hosts `[user@]host[:port],…` is reached: through those before it."""
    before, _, last = jump.rpartition(",")
    user, _, place = last.removeprefix("ssh://").rpartition("@")
    host, _, port = place.rpartition(":") if not place.endswith("]") else (place, "", "")
    if not host or (":" in host and not host.startswith("[")):
        host, port = place, ""
    return Ssh(
        host=host.strip("[]"),
        port=int(port) if port.isdecimal() else None,
        user=user or None,
        key=reach.key,
        jump=before or None,
        known_hosts=reach.known_hosts,
        config_files=reach.config_files,
        connect_timeout_seconds=reach.connect_timeout_seconds,
    )


def known_hosts_of(reach: Ssh, configured: object) -> list[Path]:
    """The files of pinned keys: those of the settings, or the user's, and what the configuration names."""
    named = [Path(str(name)) for name in configured] if isinstance(configured, list) else []
    files = [*(reach.known_hosts or (DEFAULT_KNOWN_HOSTS,)), *named]
    return list(dict.fromkeys(file.expanduser() for file in files))


def stamp(reach: Ssh) -> tuple[tuple[str, int, int], ...]:
    """The age and size of every file that decides on a login; other when a new try may succeed."""
    files = [*known_hosts_of(reach, None), *(reach.config_files or (DEFAULT_CONFIG,))]
    if reach.key:
        files += [reach.key, Path(f"{reach.key}-cert.pub")]
    found = []
    for file in files:
        try:
            about = file.expanduser().stat()
        except OSError:
            continue
        found.append((str(file), about.st_mtime_ns, about.st_size))
    return tuple(found)
