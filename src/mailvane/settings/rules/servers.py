"""Servers: names, how they are reached, their limits, what they switch off."""

from collections.abc import Iterator, Sequence

from mailvane.core.words import plural
from mailvane.settings.drafting import Draft
from mailvane.settings.layers import REACHES, server_over
from mailvane.settings.model.server import CommonSection, DefaultsSection, ServerSection
from mailvane.settings.nodes import KeyPath
from mailvane.settings.problems import Problems
from mailvane.settings.rules.limits import Known, Moved, check_limits
from mailvane.settings.shapes.base import shown
from mailvane.settings.wording import did_you_mean

SERVER_LIMIT = 20_000
"""Two cores sweep 10,000 every 30 s; beyond that it takes several processes."""
_HOW = "write `ssh: {user: NAME}`, `transport: local` or `recorded: FOLDER`"


def check_servers(draft: Draft, known: Known, problems: Problems) -> None:
    """What is wrong with and between servers is noted."""
    if len(draft.servers) > SERVER_LIMIT:
        told = f"expected at most {plural(SERVER_LIMIT, 'server')}, found {len(draft.servers):,}"
        problems.add(("servers",), told)
    _check_names(draft, problems)
    whole = check_limits(draft.root.limits, ("limits",), {}, known, problems)
    names = known.keys() | {check.name for check in draft.checks.values()}
    common = _check_defaults(draft.root.defaults, whole, known, names, problems)
    for at, server in draft.servers.items():
        path: KeyPath = ("servers", at)
        _check_reach(server, server_over(draft.root.defaults, server), path, problems)
        check_limits(server.limits, (*path, "limits"), common, known, problems)
        _check_off(server, path, names, problems)
        _check_twice(server, path, problems)


def _check_names(draft: Draft, problems: Problems) -> None:
    for at, server in draft.servers.items():
        first = draft.names.get(server.name, at)
        if first != at:
            told = f"servers[{first}] is called {shown(server.name)} as well; names are unique"
            problems.add(("servers", at, "name"), told)


def _check_defaults(
    defaults: DefaultsSection, whole: Moved, known: Known, names: set[str], problems: Problems
) -> Moved:
    said = sorted(REACHES & defaults.model_fields_set)
    if len(said) > 1:
        problems.lacks(
            ("defaults",), f"expected one way to reach servers, found {' and '.join(said)}"
        )
    _check_off(defaults, ("defaults",), names, problems)
    _check_twice(defaults, ("defaults",), problems)
    return check_limits(defaults.limits, ("defaults", "limits"), whole, known, problems)


def _check_reach(
    own: ServerSection, server: ServerSection, path: KeyPath, problems: Problems
) -> None:
    said = sorted(REACHES & own.model_fields_set)
    if len(said) > 1:
        problems.lacks(path, f"expected one way to reach it, found {' and '.join(said)}")
    elif not REACHES & server.model_fields_set and not problems.wrong_at(
        *((*path, reach) for reach in REACHES), *(("defaults", reach) for reach in REACHES)
    ):
        problems.lacks(path, f"nothing says how this server is reached; {_HOW}")


def _check_off(server: CommonSection, path: KeyPath, names: set[str], problems: Problems) -> None:
    for at, name in enumerate(server.checks.off):
        if name not in names:
            told = f"unknown check {shown(name)}; {did_you_mean(name, names)}"
            problems.add((*path, "checks", "off", at), told)


def _check_twice(server: CommonSection, path: KeyPath, problems: Problems) -> None:
    """A service or a port that is listed twice is a mistake in one of the two."""
    services = [service.name for service in server.services or ()]
    ports = [port.port for port in server.certificate.ports or ()]
    for at, name in _again(services):
        problems.add((*path, "services", at), f"{shown(str(name))} stands here twice")
    for at, port in _again(ports):
        problems.add((*path, "certificate", "ports", at), f"port {port} stands here twice")


def _again(values: Sequence[str | int]) -> Iterator[tuple[int, str | int]]:
    seen: set[str | int] = set()
    for at, value in enumerate(values):
        if value in seen:
            yield at, value
        seen.add(value)
