"""Trust in a server's host keys: shown, compared by a person, then pinned; never taken on their own word."""

import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mailvane.cli.command import CannotGoOn
from mailvane.cli.console import columns, err, line
from mailvane.core.response import Unanswered
from mailvane.core.server import Ssh

if TYPE_CHECKING:
    from mailvane.transports.hostkeys import HostKey, Pins
    from mailvane.transports.ssh import SshTransport


class NotTrusted(CannotGoOn):
    """A host key was not accepted; nothing was pinned."""

    exit_status = 2


async def trust(
    ssh: "SshTransport", reach: Ssh, pinned: Path, accept: Sequence[str]
) -> list["HostKey"]:
    """A key of every machine on the way to the server is pinned; those that are newly so are returned.

    1. What is pinned already, in the file `pinned` or in the user's own known_hosts, is trusted on.
    2. Otherwise a key is pinned whose fingerprint is in `accept`.
    3. Without that a person is asked on the terminal; without a terminal it raises NotTrusted.
    """
    from mailvane.transports.hostkeys import pin_all

    new: list[HostKey] = []
    async for hop in _way(reach):
        offered = await ssh.offered_host_keys(hop)
        if isinstance(offered, Unanswered):
            raise CannotGoOn(with_fix(f"{hop.host}: {offered.detail}", offered.fix))
        known = await _pins(hop)
        if not _shows_pinned(offered, known):
            accepted = _accepted(offered, known, accept)
            pin_all(pinned, accepted)
            new += accepted
    return new


async def _way(reach: Ssh) -> AsyncIterator[Ssh]:
    """The machines on the way, the first jump host first, the server itself last."""
    from mailvane.transports.plan import make_plan

    plan = await make_plan(reach)
    if isinstance(plan, Unanswered):
        raise CannotGoOn(with_fix(plan.detail, plan.fix))
    if plan.jump:
        async for hop in _way(plan.jump):
            yield hop
    yield reach


async def _pins(reach: Ssh) -> "Pins":
    from mailvane.transports.hostkeys import Pins
    from mailvane.transports.plan import make_plan

    plan = await make_plan(reach)
    return Pins() if isinstance(plan, Unanswered) else plan.pins()


def _shows_pinned(offered: Sequence["HostKey"], known: "Pins") -> bool:
    """True also when a pinned authority vouches for its keys: the login finds out."""
    pinned = {key.get_fingerprint() for key in known.keys}
    return bool(known.authorities) or any(key.fingerprint in pinned for key in offered)


def _accepted(
    offered: Sequence["HostKey"], known: "Pins", accept: Sequence[str]
) -> Sequence["HostKey"]:
    """The keys to pin: those that were accepted, or all when a person says yes to all."""
    chosen = [key for key in offered if key.fingerprint in accept]
    if chosen:
        return chosen
    _show(offered, known)
    if accept:
        raise NotTrusted(f"none of these is {' or '.join(accept)}; nothing was changed")
    if not sys.stdin.isatty():
        raise NotTrusted(
            "there is no terminal to ask at; nothing was changed\n"
            f"when the fingerprints match: add --accept {offered[0].fingerprint}"
        )
    answer = str(
        typer.prompt("the same there? type yes, or the fingerprint that you see", err=True)
    )
    chosen = [key for key in offered if answer.strip() in ("yes", key.fingerprint)]
    if not chosen:
        raise NotTrusted("not trusted; nothing was changed")
    return chosen


def _show(offered: Sequence["HostKey"], known: "Pins") -> None:
    console = err()
    first = offered[0]
    if known.keys:
        console.print(line(f"THE HOST KEY OF {first.host} HAS CHANGED. Pinned: {known.shown}"))
        console.print(line("The server was set up anew, or someone sits in between."))
    console.print(line(f"{first.host} port {first.port} shows these host keys:"))
    for told in columns([(key.algorithm, key.fingerprint) for key in offered], indent="  "):
        console.print(told)
    console.print(line("Compare them with what the server's own console says:"))
    console.print(line("  for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $k; done"))


def with_fix(detail: str, fix: str | None) -> str:
    """Both as the text of an error."""
    return f"{detail}\n→ {fix}" if fix else detail
