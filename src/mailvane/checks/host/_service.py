"""One service as it is seen: does it run, does it listen, was it restarted, and how that is said."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from shlex import quote
from typing import Any

from mailvane.checks.host import _milter
from mailvane.checks.host._services import (
    DAEMONS,
    Machine,
    PortGroups,
    Unit,
    port_groups,
    process_of,
)
from mailvane.core.server import Server, Service
from mailvane.core.status import Status
from mailvane.core.words import plural

RESTARTS_MATTER_FOR = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Restart:
    """Systemd has started a service anew by itself."""

    at: datetime
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One service at one look."""

    service: Service
    unit: Unit | None
    installed: bool
    process: bool | None
    """Whether its main process is there; None: cannot be seen."""
    runs: bool | None
    """None: nothing tells."""
    ports: tuple[int, ...]
    """Where it is expected to listen."""
    silent: tuple[int, ...]
    """Those of `ports` where a listener is missing."""
    restarts: tuple[Restart, ...]
    """Those of the last 15 minutes."""

    @property
    def status(self) -> Status:
        """How this service alone is."""
        if self.runs is None:
            return Status.UNKNOWN
        if not self.runs or self.deaf:
            return Status.UNHEALTHY
        return Status.DEGRADED if self.silent or self.restarts else Status.HEALTHY

    @property
    def deaf(self) -> bool:
        """True when it listens nowhere."""
        return bool(self.silent) and self.silent == self.ports

    @property
    def by_hand(self) -> bool:
        """True when it runs although systemd has not started it."""
        return bool(self.runs) and self.unit is not None and not self.unit.runs

    @property
    def since(self) -> datetime | None:
        """From when on it is as it is, where systemd knows."""
        if self.unit is None or self.runs is not self.unit.runs:
            return None
        return self.unit.started_at if self.runs else self.unit.changed_at

    def __str__(self) -> str:
        name = self.service.name
        if self.runs is None:
            return f"nothing tells whether {name} runs: {self._why_unknown()}"
        if not self.runs:
            return f"{name} is {self._down()}"
        if self.deaf:
            return f"{name} runs, but nothing listens on port {_or(self.ports)}"
        if self.silent:
            return f"{name} runs, but nothing listens on port {_or(self.silent)}"
        if self.restarts:
            count = sum(restart.count for restart in self.restarts)
            return f"{name} was restarted {plural(count, 'time')} since {when(self.restarts[0].at)}"
        return f"{name} runs, but not under systemd" if self.by_hand else f"{name} runs"

    def _down(self) -> str:
        unit = self.unit
        if unit is None:
            return "down: its process is not there" if self.installed else "not installed"
        if unit.load != "loaded":
            return f"down: {unit.id} is {unit.load}"
        if unit.runs:
            gone = f"its process `{process_of(self.service)}` is gone"
            return f"down: {gone}, though systemd calls {unit.id} {unit.active}"
        since = f" since {when(self.since)}" if self.since else ""
        return f"down{since} ({unit.id} is {unit.active}, {unit.sub})"

    def _why_unknown(self) -> str:
        if self.process is None:
            return "systemd does not answer and the processes of others are hidden"
        return f"systemd does not answer and no process is called {process_of(self.service)}"

    @property
    def fix(self) -> str | None:
        """What to type on the server."""
        if self.status is Status.HEALTHY:
            return None
        if self.unit is None:
            return f"start {self.service.name}, or take it out of the list of services"
        unit = quote(self.unit.id)
        if self.runs and self.silent:
            return f"ss -ltn; journalctl -u {unit} -n 50"
        journal = f"journalctl -u {unit} -n 50"
        return journal if self.runs else f"{journal}; systemctl restart {unit}"

    def details(self) -> dict[str, Any]:
        """The same for a screen."""
        return {
            "status": str(self.status),
            "summary": str(self),
            "restarts": self.unit.restarts if self.unit else None,
            "since": self.since.isoformat() if self.since else None,
            "unit": self.unit.id if self.unit else None,
        }


def look(server: Server, service: Service, machine: Machine, postconf: Mapping[str, str]) -> Seen:
    """The service on this machine, as far as one look can tell."""
    unit = machine.unit(service)
    process = None if machine.processes is None else process_of(service) in machine.processes
    runs = _runs(service, machine, unit, process)
    groups = _port_groups(server, service, postconf)
    return Seen(
        service=service,
        unit=unit,
        installed=bool(unit or process or service.name in machine.programs),
        process=process,
        runs=runs,
        ports=tuple(port for group in groups for port in group),
        silent=_silent(groups, service, machine, postconf) if runs else (),
        restarts=(),
    )


def _runs(
    service: Service, machine: Machine, unit: Unit | None, process: bool | None
) -> bool | None:
    """Systemd's word; for Postfix the process's before it, without systemd only that."""
    if service.name == "postfix" and process is not None:
        return process
    if unit:
        return unit.runs or (service.name in DAEMONS and bool(process))
    may_have_another_name = service.name not in DAEMONS and not machine.units
    return None if may_have_another_name and not process else process


def _port_groups(server: Server, service: Service, postconf: Mapping[str, str]) -> PortGroups:
    """OpenDKIM may also listen on any port where Postfix looks for its milters."""
    groups = port_groups(server, service)
    if service.name != "opendkim" or service.ports is not None:
        return groups
    return (tuple(dict.fromkeys((*groups[0], *_milter.ports(postconf)))),)


def _silent(
    groups: PortGroups, service: Service, machine: Machine, postconf: Mapping[str, str]
) -> tuple[int, ...]:
    """The ports of all groups in which none listens; what cannot be seen is not missed."""
    if machine.ports is None:
        return ()
    if service.name == "opendkim" and any(
        "dkim" in path.lower() or _milter.names_socket(postconf, path) for path in machine.sockets
    ):
        return ()
    return tuple(
        port for group in groups if not machine.ports.intersection(group) for port in group
    )


def restarts(seen: Seen, was: Seen | None, now: datetime) -> tuple[Restart, ...]:
    """The restarts of the last 15 minutes, from systemd's count now and at the last look.

    At the first look a service that systemd has restarted at all counts once if it started just now.
    """
    kept = tuple(r for r in was.restarts if now - r.at < RESTARTS_MATTER_FOR) if was else ()
    if seen.unit is None or not seen.unit.restarts:
        return kept
    total, started = seen.unit.restarts, seen.unit.started_at
    if was is None or was.unit is None or was.unit.restarts is None:
        recent = started is not None and now - started < RESTARTS_MATTER_FOR
        return (*kept, Restart(started or now, 1)) if recent else kept
    before = was.unit.restarts
    new = total - before if total >= before else total
    return (*kept, Restart(now, new)) if new else kept


def when(moment: datetime) -> str:
    """A moment as a sentence names it."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _or(ports: tuple[int, ...]) -> str:
    *most, last = map(str, ports)
    return f"{', '.join(most)} or {last}" if most else last
