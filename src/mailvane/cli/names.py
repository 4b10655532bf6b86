"""Names on the command line: which servers and checks are meant, and what was probably meant."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated, Any

import typer

from mailvane.cli.command import Called
from mailvane.core.check import Check
from mailvane.core.errors import MailvaneError
from mailvane.core.server import Server


class UnknownName(MailvaneError):
    """A server or check of that name does not exist; the text says which ones do."""


def _server_names(context: typer.Context, arguments: list[str], begun: str) -> list[str]:
    """For the shell's completion; a configuration that is wrong completes nothing."""
    del arguments
    try:
        servers = Called.completing(context).settings().servers
    except MailvaneError:
        return []
    return [server.name for server in servers if server.name.startswith(begun)]


ServerNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME",
        help="Servers of the configuration; all when none is named.",
        autocompletion=_server_names,
        show_default=False,
    ),
]


def chosen(servers: Sequence[Server], names: Sequence[str] | None) -> list[Server]:
    """The servers that are named, each once and in that order; all when none is named.

    A name that is not there raises UnknownName, before anything is asked.
    """
    if not servers:
        raise UnknownName("no server is configured; add one with: mailvane add user@host")
    if not names:
        return list(servers)
    known = {server.name: server for server in servers}
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    if unknown:
        raise UnknownName("\n".join(_unknown("server", name, list(known)) for name in unknown))
    return [known[name] for name in dict.fromkeys(names)]


def check_named(checks: Sequence[Check[Any]], name: str) -> Check[Any]:
    """The check of that name; a name that is not there raises UnknownName with the nearest one."""
    known = {check.name: check for check in checks}
    if name not in known:
        raise UnknownName(_unknown("check", name, list(known)))
    return known[name]


def _unknown(what: str, name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    meant = f"; did you mean {near[0]}?" if near else ""
    return f"there is no {what} named {name!r}{meant}\nthe {what}s are: {_listed(known)}"


def _listed(names: Sequence[str], most: int = 20) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
