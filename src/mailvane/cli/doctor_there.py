"""What can be wrong on the way to a server, and there."""

import asyncio
import socket
from collections.abc import Iterable, Sequence
from typing import Any

from mailvane.cli.finding import Finding, error, fine, warning
from mailvane.cli.parts import Joined
from mailvane.cli.trial import Facts, Trial, facts, tried
from mailvane.core.check import Check
from mailvane.core.response import Unanswered
from mailvane.core.server import Server, Ssh
from mailvane.core.status import Status
from mailvane.core.words import duration

DNS_SECONDS = 5.0
SKEW_SECONDS = 5.0
"""More than this: entries of the logs fall into the wrong minute, and one-time codes fail."""


async def server_findings(
    joined: Joined, server: Server, checks: Sequence[Check[Any]]
) -> list[Finding]:
    """Everything about one server: its name, the way there, its clock and tools, and each check."""
    found = [await _name(server)]
    said = await facts(joined, server)
    if isinstance(said, Unanswered):
        fix = said.fix or f"mailvane access {server.name} --only firewall"
        return [*found, error("way there", said.detail, fix)]
    found += [_login(server, said), _clock(said), *_tools(said)]
    trial = await tried(joined, server, checks)
    return [*found, *_checks(trial)]


async def _name(server: Server) -> Finding:
    """Whether the world finds the server under its hostname, and at the address that is configured."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(DNS_SECONDS):
            answers = await loop.getaddrinfo(server.hostname, None, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError) as problem:
        why = getattr(problem, "strerror", None) or f"no answer within {DNS_SECONDS:g} s"
        told = f"{server.hostname} has no address: {why}"
        return (warning if server.address or not server.is_mail else error)(
            "name", told, f"dig {server.hostname} A {server.hostname} AAAA"
        )
    addresses = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    shown = f"{server.hostname} is {', '.join(addresses)}"
    if server.address and server.address not in addresses:
        return warning(
            "name", f"{shown}, not {server.address} as configured", "mailvane config show"
        )
    return fine("name", shown)


def _login(server: Server, said: Facts) -> Finding:
    way = "over SSH, with a pinned host key" if isinstance(server.reach, Ssh) else "here"
    if said.user == "root" and isinstance(server.reach, Ssh):
        told = "as root over SSH: every check works, but a mistake of ours could do anything"
        return warning(
            "login", told, f"use a user with few rights; see: mailvane access {server.name}"
        )
    return fine("login", f"as {said.user} {way}")


def _clock(said: Facts) -> Finding:
    ahead = "ahead of" if said.skew_seconds > 0 else "behind"
    if abs(said.skew_seconds) > SKEW_SECONDS:
        told = f"{duration(abs(said.skew_seconds))} {ahead} this machine's"
        return warning("clock", told, "timedatectl status, on both machines")
    return fine("clock", f"as this machine's, within {SKEW_SECONDS:g} s")


def _tools(said: Facts) -> Iterable[Finding]:
    if said.missing:
        told = f"{', '.join(said.missing)} not found; checks need them"
        yield error("tools", told, "install coreutils, findutils, grep, sed and an awk there")
    else:
        yield fine("tools", "all there")
    if not said.has_systemd:
        yield fine("init", "not systemd: services are found by their processes")


def _checks(trial: Trial) -> Iterable[Finding]:
    works = [one for one in trial.standings if one.status is Status.HEALTHY]
    for one in trial.standings:
        if one.status is not Status.HEALTHY:
            yield warning(f"check {one.check}", one.told, one.fix)
    left = len(trial.report.not_applicable)
    apart = f", {left} {'does' if left == 1 else 'do'} not apply" if left else ""
    yield fine("checks", f"{len(works)} of {len(trial.standings)} see all that they need{apart}")
