"""The host keys that a server offers, for somebody to compare and accept. Nothing is logged in to."""

from typing import Any

import asyncssh

from mailvane.core.response import Reason, Unanswered
from mailvane.core.server import Ssh
from mailvane.transports.connection import Connections
from mailvane.transports.hostkeys import HostKey, host_key
from mailvane.transports.plan import Plan, make_plan
from mailvane.transports.strangers import outcome_of
from mailvane.transports.tcp import dial, no_connection

# One connection for each kind, the preferred one first: a server shows one key per connection.
KINDS = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)


async def offered_host_keys(reach: Ssh, connections: Connections) -> list[HostKey] | Unanswered:
    """The keys that the server shows now, the preferred one first, or why there are none."""
    plan = await make_plan(reach)
    if isinstance(plan, Unanswered):
        return plan
    found: list[HostKey] = []
    failure = Unanswered(Reason.PROTOCOL, "the server showed no host key")
    for kind in KINDS:
        shown = await _offered(plan, kind, connections)
        if isinstance(shown, HostKey):
            found.append(shown)
        elif shown:
            failure = shown
            break
    return found or failure


async def _offered(
    plan: Plan, kind: tuple[str, ...], connections: Connections
) -> HostKey | Unanswered | None:
    """The key of that kind; None when the server has none."""
    seconds = plan.reach.connect_timeout_seconds
    try:
        way = await _way(plan, connections)
    except OSError as error:
        return no_connection(error, plan.port, seconds)
    if isinstance(way, Unanswered):
        return way
    asked = asyncssh.get_server_host_key(
        plan.host,
        plan.port,
        server_host_key_algs=kind,
        options=plan.options,
        config=None,
        **way,
    )
    shown = await outcome_of(asked, seconds)
    if isinstance(shown, asyncssh.KeyExchangeFailed | asyncssh.ConnectionLost):
        return None  # how servers say that they have no key of that kind
    if isinstance(shown, TimeoutError):
        return Unanswered(Reason.TIMEOUT, f"port {plan.port} showed no key within {seconds:g} s")
    if isinstance(shown, Exception):
        why = shown.reason if isinstance(shown, asyncssh.Error) else str(shown)
        return Unanswered(Reason.PROTOCOL, f"port {plan.port} speaks no SSH: {why[:200]}")
    return host_key(plan.known_as, plan.port, shown) if shown else None


async def _way(plan: Plan, connections: Connections) -> dict[str, Any] | Unanswered:
    if plan.jump:
        tunnel = await connections.jump(plan.jump).get()
        return tunnel if isinstance(tunnel, Unanswered) else {"tunnel": tunnel}
    if plan.by_command:
        return {"tunnel": None}
    seconds = plan.reach.connect_timeout_seconds
    return {"tunnel": None, "sock": await dial(plan.host, plan.port, seconds)}
