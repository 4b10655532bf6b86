"""`mailvane explain`: what a check means, and what to do when it complains."""

import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailvane.cli.asked import in_words, requests_of, rights_needed
from mailvane.cli.command import Called, single
from mailvane.cli.console import clean, columns, line, out
from mailvane.cli.names import check_named
from mailvane.core.check import Check
from mailvane.core.errors import SettingsError
from mailvane.core.server import Server
from mailvane.core.threshold import Threshold

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text


def _check_names(context: typer.Context, arguments: list[str], begun: str) -> list[str]:
    del arguments
    checks = Called.completing(context).app.all_checks()
    return [check.name for check in checks if check.name.startswith(begun)]


def explain(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="CHECK", help="The check to explain.", autocompletion=_check_names),
    ] = None,
    scripts: Annotated[
        bool, typer.Option("--scripts", help="Show the scripts that run on the server in full.")
    ] = False,
    listed: Annotated[
        bool, typer.Option("--list", help="Only list the checks; also without a CHECK.")
    ] = False,
) -> None:
    """Explain a check: what is wrong, why it matters, what to do.

    Prints its runbook, the limits in force, what it asks of the server and the rights that it needs.
    A configuration that is wrong does not keep it from explaining with the defaults.
    """
    called: Called = context.obj
    servers = _servers(called)
    checks = _checks(called, servers)
    console = out()
    if name is None or listed:
        for told in columns([(check.name, check.title) for check in checks]):
            console.print(told)
        return
    check = check_named(checks, name)
    console.print(_runbook(check, pretty=console.is_terminal))
    for part in (
        _limits(check, servers),
        _asks(check, servers, whole=scripts),
        _rights(check, servers),
    ):
        for told in [line(""), *part]:
            console.print(told)


def _servers(called: Called) -> Sequence[Server]:
    try:
        return called.settings().servers
    except SettingsError:
        return ()


def _checks(called: Called, servers: Sequence[Server]) -> list[Check[Any]]:
    """All checks, those that only one server has as well; each name once."""
    own = [check for server in servers for check in called.app.checks_for(server)]
    return list({check.name: check for check in (*called.app.all_checks(), *own)}.values())


def _runbook(check: Check[Any], *, pretty: bool) -> "RenderableType":
    lines = [f"# {check.name}: {check.title}", "", *check.runbook.strip().splitlines()]
    text = "\n".join(clean(told) for told in lines)
    if not pretty:
        return text
    from rich.markdown import Markdown

    return Markdown(text, hyperlinks=False)


def _limits(check: Check[Any], servers: Sequence[Server]) -> Iterable["Text"]:
    """The default limits, and those of each server that has others."""
    if not check.limits:
        yield line("No limits: nothing is counted.")
        return
    yield line("Limits:")
    rows = [_limit_row(name, limit) for name, limit in check.limits.items()]
    for server in servers:
        own = check.limits_for(server)
        rows += [
            _limit_row(f"{name} of {server.name}", own[name])
            for name, limit in check.limits.items()
            if own[name] != limit
        ]
    yield from columns(rows, indent="  ")


def _limit_row(name: str, limit: Threshold) -> tuple[str, str, str]:
    return name, str(limit).strip("()"), limit.source


def _asks(check: Check[Any], servers: Sequence[Server], *, whole: bool) -> Iterable["Text"]:
    for server in servers:
        why = "switched off" if check.name in server.checks_off else check.applies(server)
        if why is None:
            yield line(f"Asks, with {server.name} as the example:")
            for request in requests_of(check, server):
                yield from (line(f"  {told}") for told in in_words(request, whole=whole))
            return
    yield line("Applies to none of the configured servers." if servers else "No server to ask.")


def _rights(check: Check[Any], servers: Sequence[Server]) -> Iterable["Text"]:
    needed = {entry.right: None for server in servers for entry in rights_needed([check], server)}
    if not needed:
        yield line("Needs no right beyond a login.")
        return
    yield line("Needs as root (see `mailvane access`):")
    for right in needed:
        yield line(f"  {shlex.join(right.argv)}")
        yield line(f"    without it {right.loses}")


COMMAND = single(explain)
