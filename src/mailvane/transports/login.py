"""One login: from a plan to a connection that is logged in, or why there is none."""

import socket
from collections.abc import Sequence
from typing import Any, cast

import asyncssh

from mailvane.core.response import Reason, Unanswered
from mailvane.transports.hostkeys import HostKey, Pins, host_key
from mailvane.transports.keys import Keys
from mailvane.transports.plan import Plan, explicit
from mailvane.transports.strangers import outcome_of

KEEPALIVE_SECONDS = 15.0
KEEPALIVES_MISSED = 1
"""Where the socket is not ours, a dead connection is closed after two intervals: 30 s."""
# Cheap and strong first; AES-GCM is one call into OpenSSL per packet and needs no strict key exchange.
KEX = "^curve25519-sha256,curve25519-sha256@libssh.org"
CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"
HOST_KEYS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
CERTIFICATE = "-cert-v01@openssh.com"
SHA1 = "ssh-rsa"
OPEN_CONNECT_FAILED = 2
"""RFC 4254 section 5.1."""


class _Watcher(asyncssh.SSHClient):
    """Notes the keys that are shown and not pinned; trusts none."""

    def __init__(self) -> None:
        self.shown: list[asyncssh.SSHKey] = []
        self.took_over = False

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        del conn
        self.took_over = True

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        del host, addr, port
        self.shown.append(key)
        return False

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        return self.validate_host_public_key(host, addr, port, key)


async def log_in(
    plan: Plan,
    keys: Keys,
    name: str | None,
    *,
    connection: socket.socket | None = None,
    tunnel: asyncssh.SSHClientConnection | None = None,
) -> asyncssh.SSHClientConnection | Unanswered:
    """A connection that is logged in, over a connected socket, a tunnel, or the ProxyCommand.

    The host key is one of the pinned ones; nothing of ours is forwarded.
    `name` is the server's, for the command that accepts a key; None for a jump host.
    """
    watcher, pinned = _Watcher(), plan.pins()
    way: dict[str, Any] = {"sock": connection} if connection else {}
    login = asyncssh.connect(
        **explicit(plan.reach),
        **way,
        **_algorithms(plan, pinned),
        **_limits(plan),
        keepalive_interval=0 if connection else KEEPALIVE_SECONDS,
        keepalive_count_max=KEEPALIVES_MISSED,
        tunnel=tunnel,
        known_hosts=_trusted(pinned),
        client_factory=lambda: watcher,
        client_keys=keys.pairs or (),
        agent_path=keys.agent_path,
    )
    try:
        outcome = await outcome_of(_awaited(login), plan.reach.connect_timeout_seconds)
    finally:
        keys.close()
        if connection and not watcher.took_over:
            connection.close()
    if isinstance(outcome, asyncssh.Error):
        return _denied(outcome, plan, pinned, watcher.shown, name)
    if isinstance(outcome, Exception):
        return _failed(outcome, plan, met=watcher.took_over)
    return outcome


async def _awaited(login: Any) -> asyncssh.SSHClientConnection:
    """What asyncssh.connect returns can be awaited, but is no coroutine."""
    return cast("asyncssh.SSHClientConnection", await login)


def _limits(plan: Plan) -> dict[str, Any]:
    """Nothing of ours goes over to the server, no password is tried, nothing inflates."""
    return {
        "agent_forwarding": False,
        "x11_forwarding": False,
        "password_auth": False,
        "kbdint_auth": False,
        "gss_auth": bool(plan.setting("GSSAPIAuthentication")),
        "gss_kex": bool(plan.setting("GSSAPIKeyExchange")),
        "compression_algs": None,
        "connect_timeout": None,
        "login_timeout": plan.reach.connect_timeout_seconds,
        "x509_trusted_certs": None,
    }


def _trusted(pinned: Pins) -> tuple[Sequence[asyncssh.SSHKey], ...]:
    """As asyncssh takes it: never None, which would mean to trust whatever is shown."""
    return (pinned.keys, pinned.authorities, pinned.revoked, (), (), (), ())


def _algorithms(plan: Plan, pinned: Pins) -> dict[str, Any]:
    """What the OpenSSH configuration leaves to us."""
    ours = {
        "KexAlgorithms": ("kex_algs", KEX),
        "Ciphers": ("encryption_algs", CIPHERS),
        "HostKeyAlgorithms": ("server_host_key_algs", _host_key_algorithms(pinned)),
    }
    return dict(ours[name] for name in ours if not plan.setting(name))


def _host_key_algorithms(pinned: Pins) -> list[str]:
    """Those of the pinned keys first, so that the server shows one of these if it can.

    All others as well: then a server with other keys shows one, which we can tell, and it is not trusted.
    """
    known = [name.decode() for key in pinned.keys for name in key.sig_algorithms]
    signed = [f"{name}{CERTIFICATE}" for name in HOST_KEYS] if pinned.authorities else []
    wanted = [name for name in known if name != SHA1 and not name.endswith("@ssh.com")]
    return list(dict.fromkeys([*wanted, *signed, *HOST_KEYS]))


def distrusted(name: str | None, plan: Plan, pinned: Pins, shown: Sequence[HostKey]) -> Unanswered:
    """What a check is told when the host key is not one of the pinned."""
    place = f"{plan.known_as} port {plan.port}"
    found = ", ".join(str(key) for key in shown) or "one that is revoked or has ended"
    accept = f" --accept {shown[0].fingerprint}" if shown else ""
    if pinned.keys or pinned.authorities:
        detail = (
            f"the host key of {place} is not the pinned one: expected "
            f"{pinned.shown or 'a certificate of a pinned authority'}, found {found}; "
            "the server was set up anew, or someone sits in between"
        )
    else:
        detail = f"the host key of {place} is not known: found {found}"
    way = f"mailvane add {name}{accept}" if name else f"ssh -p {plan.port} {plan.user}@{plan.host}"
    fix = f"compare it with `ssh-keygen -lf` on the server's console, then accept it: `{way}`"
    return Unanswered(Reason.HOST_KEY, detail, fix)


def _failed(error: Exception, plan: Plan, *, met: bool) -> Unanswered:
    """What is no word of SSH: time, the network, our files, or bytes that asyncssh stumbled over."""
    if isinstance(error, TimeoutError):
        accepted = "did not answer" if plan.jump else "accepted a connection, but did not log us in"
        seconds = plan.reach.connect_timeout_seconds
        detail = f"port {plan.port} {accepted} within {seconds:g} s"
        return Unanswered(Reason.TIMEOUT, detail, f"ssh -v {plan.user}@{plan.host}")
    why = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    if not met and isinstance(error, ValueError):
        return Unanswered(Reason.AUTH, f"the login could not be prepared: {why}")
    way = "the ProxyCommand" if plan.by_command else f"the connection to port {plan.port}"
    return Unanswered(Reason.PROTOCOL, f"{way} ended before the login: {why[:200].lower()}")


def _denied(
    error: asyncssh.Error,
    plan: Plan,
    pinned: Pins,
    shown: Sequence[asyncssh.SSHKey],
    name: str | None,
) -> Unanswered:
    who, why = f"{plan.user}@{plan.host}", error.reason[:200]
    if isinstance(error, asyncssh.ChannelOpenError):
        return _not_through(error, plan)
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        keys = [host_key(plan.known_as, plan.port, key) for key in shown]
        return distrusted(name, plan, pinned, keys)
    if isinstance(error, asyncssh.KeyExchangeFailed):
        return Unanswered(Reason.AUTH, f"the key exchange failed: {why}", f"ssh -v {who}")
    if isinstance(error, asyncssh.PermissionDenied) or "authentication failures" in error.reason:
        return Unanswered(
            Reason.AUTH,
            f"the login as {who} was refused",
            f"put our public key into ~{plan.user}/.ssh/authorized_keys there, then `ssh {who}`",
        )
    detail = f"port {plan.port} accepted a connection and ended it before the login: {why}"
    return Unanswered(Reason.PROTOCOL, detail, f"ssh -v {who}")


def _not_through(error: asyncssh.ChannelOpenError, plan: Plan) -> Unanswered:
    jump, why = plan.jump.host if plan.jump else "the jump host", error.reason[:200]
    if error.code == OPEN_CONNECT_FAILED:
        detail = f"port {plan.port} could not be connected from {jump}: {why}"
        return Unanswered(Reason.REFUSED, detail)
    detail = f"{jump} does not let us through to port {plan.port}: {why}"
    return Unanswered(Reason.PROTOCOL, detail, f"allow `PermitOpen {plan.host}:{plan.port}` there")
