"""Requests in words: what a check asks of a server, and the rights that it needs there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mailvane.core.check import Check
from mailvane.core.errors import DoesNotApply
from mailvane.core.request import Request, Right, ShellCommand, SqlQuery, TcpConnect, TlsHandshake
from mailvane.core.server import Server

SCRIPT_LINES = 4


@dataclass(frozen=True, slots=True)
class Needed:
    """A right that checks need on a server, and what each of them loses without it."""

    right: Right
    checks: tuple[str, ...]


def applying(checks: Sequence[Check[Any]], server: Server) -> list[Check[Any]]:
    """The checks that take part on this server."""
    return [
        check
        for check in checks
        if check.name not in server.checks_off and check.applies(server) is None
    ]


def requests_of(check: Check[Any], server: Server) -> list[Request[Any]]:
    """What the check asks in its first sweep."""
    try:
        return list(dict.fromkeys(check.ask(server, None)))
    except DoesNotApply:
        return []


def rights_needed(checks: Sequence[Check[Any]], server: Server) -> list[Needed]:
    """Every right that the checks ask for on this server, once, in the order of the checks."""
    users: dict[Right, list[str]] = {}
    for check in applying(checks, server):
        for request in requests_of(check, server):
            if isinstance(request, ShellCommand) and request.right:
                users.setdefault(request.right, []).append(check.name)
    return [Needed(right, tuple(dict.fromkeys(names))) for right, names in users.items()]


def in_words(request: Request[Any], *, whole: bool) -> Iterable[str]:
    """What is asked, as one or more lines; nothing secret is in them. A long script only when `whole`."""
    match request:
        case ShellCommand():
            yield f"runs on the server, for at most {request.timeout_seconds:g} s:"
            yield from _script(request.script, whole=whole)
        case TcpConnect():
            ports = ", ".join(["the port it is reached by", *map(str, request.ports)])
            yield f"connects to {request.address}: {ports}"
        case TlsHandshake():
            yield (
                f"shakes hands over TLS with {request.address} port {request.port}"
                f" ({request.starttls}) and expects a certificate for {request.name}"
            )
        case SqlQuery():
            yield "asks the database:"
            yield from (f"    {line}" for line in request.text.strip().splitlines())
        case _:
            yield f"sends {type(request).__name__}"


def _script(script: str, *, whole: bool) -> Iterable[str]:
    lines = script.strip().splitlines()
    shown = lines if whole or len(lines) <= SCRIPT_LINES + 1 else lines[:SCRIPT_LINES]
    yield from (f"    {line}" for line in shown)
    if len(shown) < len(lines):
        yield f"    ({len(lines) - len(shown)} more lines: --scripts shows them)"
