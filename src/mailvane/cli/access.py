"""`mailvane access`: the rights that the checks need on a server, ready to be installed there."""

import getpass
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from mailvane.cli.asked import applying, rights_needed
from mailvane.cli.command import Called, CannotGoOn, single
from mailvane.cli.console import clean
from mailvane.cli.names import ServerNames, chosen
from mailvane.cli.public_key import public_key
from mailvane.cli.sudoers import FILE, sudoers_file, user_name
from mailvane.cli.way_in import (
    SSH_PORT,
    Origin,
    authorized_key,
    firewall,
    given,
    guessed,
    jump_keys,
)
from mailvane.core.check import Check
from mailvane.core.server import Server, Ssh

USER = "monitor"
LOG_CHECK = "log"


class Part(StrEnum):
    """What can be printed alone."""

    SUDOERS = "sudoers"
    GROUPS = "groups"
    AUTHORIZED_KEYS = "authorized-keys"
    FIREWALL = "firewall"


@dataclass(frozen=True, slots=True)
class Grant:
    """What is to be granted to whom on which server."""

    server: Server
    checks: tuple[Check[Any], ...]
    user: str
    origin: Origin | None
    """None: Mailvane runs on the server itself."""


def access(
    context: typer.Context,
    names: ServerNames = None,
    user: Annotated[
        str | None,
        typer.Option(
            metavar="USER",
            help="The user on the server; ssh.user of the configuration when not given.",
        ),
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option("--from", metavar="ADDRESS", help="Where the server sees Mailvane come from."),
    ] = None,
    only: Annotated[Part | None, typer.Option(help="Print this part alone.")] = None,
) -> None:
    """Print the rights that the checks need on the servers.

    Each is told with the checks that need it, and what they lose without it.
    Nothing is asked of the servers and nothing is changed.
    The sudoers lines have absolute paths and exact arguments, without wildcards.
    The key may do nothing but run commands, and only from this machine's address.
    """
    called: Called = context.obj
    servers = chosen(called.settings().servers, names)
    place = given(origin) if origin else None
    for number, server in enumerate(servers):
        grant = _grant(called, server, user, place)
        if number:
            typer.echo()
        for line in _lines(grant, only):
            typer.echo(clean(line) if line.startswith("#") else line)


def _grant(called: Called, server: Server, user: str | None, place: Origin | None) -> Grant:
    checks = tuple(called.app.checks_for(server))
    if isinstance(server.reach, Ssh):
        name = user_name(user or server.reach.user or USER)
        return Grant(server, checks, name, place or guessed(server.reach))
    return Grant(server, checks, user_name(user or getpass.getuser()), None)


def _lines(grant: Grant, only: Part | None) -> Iterable[str]:
    parts: Mapping[Part, Iterable[str]] = {
        Part.SUDOERS: _sudoers(grant),
        Part.GROUPS: _groups(grant),
        Part.AUTHORIZED_KEYS: _authorized_keys(grant),
        Part.FIREWALL: _firewall(grant),
    }
    if only:
        yield from parts[only]
        return
    server = grant.server
    yield f"# {server.name} ({server.hostname}): what {grant.user} needs there"
    for part in parts.values():
        yield ""
        yield from part


def _sudoers(grant: Grant) -> Iterable[str]:
    needed = rights_needed(grant.checks, grant.server)
    if not needed:
        yield f"# sudo: the checks of {grant.server.name} need nothing as root"
        return
    yield f"# Install with `visudo -f {FILE}`: it refuses a file with a mistake in it."
    yield from sudoers_file(grant.user, grant.server.name, needed)


def _groups(grant: Grant) -> Iterable[str]:
    names = [check.name for check in applying(grant.checks, grant.server)]
    if LOG_CHECK not in names:
        yield f"# groups: no check of {grant.server.name} reads logs"
        return
    files = ", ".join(grant.server.log_files or ("/var/log/mail.log",))
    yield f"# {LOG_CHECK}: without it {files} cannot be read (Debian's group for logs)"
    yield f"usermod -aG adm {grant.user}"
    if grant.server.log_files is None:
        yield f"# {LOG_CHECK}: instead, where there is no such file: without it the journal cannot be read"
        yield f"usermod -aG systemd-journal {grant.user}"


def _authorized_keys(grant: Grant) -> Iterable[str]:
    reach, origin = grant.server.reach, grant.origin
    if not isinstance(reach, Ssh) or origin is None:
        yield f"# authorized_keys: {grant.server.name} is not reached over SSH"
        return
    yield f"# ~{grant.user}/.ssh/authorized_keys on {grant.server.name}, one line; without it nothing is known"
    yield "# but what shows from outside: instance and certificate"
    if origin.note:
        yield f"# from=: {origin.note}"
    try:
        key = public_key(reach, Path.home())
    except CannotGoOn as error:
        yield f"# the key: {error}"
        return
    yield authorized_key(key, origin, "mailvane")
    for jump, line in jump_keys(key, reach, "mailvane"):
        yield f"# and on the jump host {jump}; without it {grant.server.name} cannot be reached"
        yield line


def _firewall(grant: Grant) -> Iterable[str]:
    reach, origin = grant.server.reach, grant.origin
    if not isinstance(reach, Ssh) or origin is None:
        yield f"# firewall: {grant.server.name} is not reached over SSH"
        return
    port = reach.port or SSH_PORT
    yield f"# Where a firewall guards port {port}, one of these; without it nothing over SSH is known."
    if origin.note:
        yield f"# the address: {origin.note}"
    yield from firewall(origin, port)


COMMAND = single(access)
