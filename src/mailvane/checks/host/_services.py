"""What runs on a machine: systemd's word, the processes themselves, and who listens.

One `systemctl` for all units and one `awk` that opens files of /proc; no right is needed.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from shlex import quote

from mailvane.core.request import ShellCommand
from mailvane.core.server import Server, Service


@dataclass(frozen=True, slots=True)
class Daemon:
    """What is known of a daemon before it is looked at."""

    units: tuple[str, ...]
    process: str
    """As the kernel names it: at most 15 characters."""
    ports: tuple[int, ...] = ()
    """One of them must listen."""


DAEMONS = {
    # Debian to 12: postfix.service only runs /bin/true, the instance `-` is the real one.
    "postfix": Daemon(("postfix.service", "postfix@-.service"), "master"),
    "dovecot": Daemon(("dovecot.service",), "dovecot", (143, 993, 110, 995, 24, 4190)),
    "opendkim": Daemon(("opendkim.service",), "opendkim", (8891, 12301, 8892)),
}

SMTP_PORT = 25
PROPERTIES = (
    "Id,Names,Type,LoadState,UnitFileState,ActiveState,SubState,Result,NRestarts"
    ",StateChangeTimestamp,ActiveEnterTimestamp"
)
_KINDS = frozenset({"service", "socket", "target", "timer", "path", "mount", "slice", "scope"})
_THERE = frozenset({"loaded", "masked", "error", "bad-setting"})
# `getline` never fails for a file that is gone meanwhile, as every awk does for its arguments.
# A zombie has a name but no command line. Cyrus' master is not Postfix'.
# A process that has a second number in `NSpid` runs in a container here: where we look for what is installed,
# it does not count as this machine's own; a service that is listed may run there.
# Each of the kernel's two lists of TCP sockets costs a walk through a table that grows with the machine's
# memory (5 ms for 24 GiB), so the second is read only when the first lacks a port.
_SCRIPT = r"""TZ=UTC0 systemctl show --no-pager -p @PROPERTIES@ -- @UNITS@
echo
for p in postconf dovecot opendkim; do command -v $p >/dev/null 2>&1 && echo Program=$p; done
awk -v own=@OWN@ -v names=@NAMES@ -v groups='@GROUPS@' '
function listening(file,   rows) {
  while ((getline < file) > 0) { rows++; if ($4 == "0A") port[substr($2, index($2, ":") + 1)] }
  if (rows) print "Read=" file
}
function nested(file,   found, pids) {
  sub(/comm$/, "status", file)
  while ((getline found < file) > 0) if (found ~ /^NSpid:/) { pids = split(found, ids, /[ \t]+/); break }
  close(file)
  return pids > 2
}
function missing(   n, i, m, j, some, all, one) {
  n = split(groups, all, " ")
  for (i = 1; i <= n; i++) {
    m = split(all[i], one, ",")
    some = 0
    for (j = 1; j <= m; j++) if (one[j] in port) some = 1
    if (!some) return 1
  }
  return 0
}
BEGIN {
  n = split(names, list, " ")
  for (i = 1; i <= n; i++) wanted[list[i]] = 1
  for (i = 1; i < ARGC; i++) {
    file = ARGV[i]; name = line = ""
    getline name < file; close(file)
    if (file == "/proc/1/comm" && name != "") print "Init=" name
    if (!(name in wanted)) continue
    if (own && nested(file)) continue
    sub(/comm$/, "cmdline", file)
    getline line < file; close(file)
    if (line == "" || line ~ /cyrus/) continue
    print "Process=" name
    delete wanted[name]
  }
  listening("/proc/net/tcp")
  if (missing()) listening("/proc/net/tcp6")
  for (p in port) print "Port=" p
  n = 0
  while (n < 20 && (getline < "/proc/net/unix") > 0)
    if ($4 == "00010000" && tolower($8) ~ /dkim|milter/) { n++; print "Socket=" $8 }
}' /proc/[0-9]*/comm"""


def command(server: Server, services: Sequence[Service]) -> ShellCommand:
    """The question about these services."""
    units = dict.fromkeys(unit for service in services for unit in units_of(service))
    names = " ".join(dict.fromkeys(process_of(service) for service in services))
    groups = [group for service in services for group in port_groups(server, service)]
    return ShellCommand(
        _SCRIPT.replace("@PROPERTIES@", PROPERTIES)
        .replace("@GROUPS@", " ".join(",".join(f"{port:04X}" for port in g) for g in groups))
        .replace("@UNITS@", " ".join(quote(unit) for unit in units))
        .replace("@NAMES@", quote(names))
        .replace("@OWN@", "1" if server.services is None else "0")
    )


PortGroups = tuple[tuple[int, ...], ...]
"""Of each group one port must listen."""


def port_groups(server: Server, service: Service) -> PortGroups:
    """Where the service is expected to listen: Postfix on each of its ports, others on one."""
    if service.ports is not None:
        return (service.ports,) if service.ports else ()
    if service.name == "postfix" and server.services is None:
        return ((SMTP_PORT,),)  # nobody said that it offers submission
    if service.name == "postfix":
        ports = dict.fromkeys((SMTP_PORT, server.submission_port or SMTP_PORT))
        return tuple((port,) for port in ports)
    known = DAEMONS.get(service.name)
    return (known.ports,) if known else ()


def units_of(service: Service) -> tuple[str, ...]:
    """The systemd units that may stand for a service."""
    if service.unit:
        return (service.unit,)
    daemon = DAEMONS.get(service.name)
    return daemon.units if daemon else (service.name,)


def process_of(service: Service) -> str:
    """The name of its main process; of a service that is not known, that of its own."""
    daemon = DAEMONS.get(service.name)
    return daemon.process if daemon else service.name[:15]


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit."""

    id: str
    names: frozenset[str]
    type: str
    load: str
    enabled: str
    active: str
    sub: str
    result: str
    restarts: int | None
    """How often systemd has started it anew by itself; a start by hand sets it to 0."""
    changed_at: datetime | None
    started_at: datetime | None

    @property
    def runs(self) -> bool:
        """True when systemd says so."""
        return self.active in ("active", "reloading", "refreshing")

    def __str__(self) -> str:
        return (
            f"{self.id}: LoadState={self.load} ActiveState={self.active} SubState={self.sub}"
            f" Result={self.result} NRestarts={self.restarts}"
        )


@dataclass(frozen=True, slots=True)
class Machine:
    """What the machine said."""

    units: tuple[Unit, ...]
    """Empty where systemd does not run or does not answer."""
    processes: frozenset[str] | None
    """Those asked for that run; None where processes of others are hidden."""
    ports: frozenset[int] | None
    """TCP ports that listen, those of IPv6 when they were needed; None where that cannot be seen."""
    sockets: tuple[str, ...]
    """Listening Unix sockets that look like a milter's."""
    programs: frozenset[str]
    """Daemons whose program is installed."""

    def unit(self, service: Service) -> Unit | None:
        """The unit that stands for the service; None where there is none."""
        known = {name: unit for unit in self.units for name in unit.names if unit.load in _THERE}
        found = [known[name] for name in map(_full, units_of(service)) if name in known]
        real = [unit for unit in found if unit.type != "oneshot"]
        return next(iter(real or found), None)

    def installed(self) -> tuple[Service, ...]:
        """Those of Mailvane's three daemons that are installed and not switched off."""
        return tuple(service for service in map(Service, DAEMONS) if self._takes_part(service))

    def _takes_part(self, service: Service) -> bool:
        if process_of(service) in (self.processes or ()):
            return True
        unit = self.unit(service)
        if unit:
            return unit.runs or (unit.load == "loaded" and unit.enabled != "disabled")
        return not self.units and service.name in self.programs


def _full(name: str) -> str:
    """The unit's name with its kind, as `systemctl` completes it."""
    return name if name.rpartition(".")[2] in _KINDS else f"{name}.service"


def parse(output: bytes) -> Machine:
    """The machine as its answer describes it; what is not in the answer is not known."""
    *blocks, last = output.decode(errors="replace").rstrip("\n").split("\n\n")
    seen: dict[str, list[str]] = {}
    for key, value in _pairs(last):
        seen.setdefault(key, []).append(value)
    units = (_unit(dict(_pairs(block))) for block in blocks)
    return Machine(
        units=tuple(unit for unit in units if unit),
        processes=frozenset(seen.get("Process", ())) if "Init" in seen else None,
        ports=_ports(seen.get("Port", ())) if "Read" in seen else None,
        sockets=tuple(seen.get("Socket", ())),
        programs=frozenset("postfix" if p == "postconf" else p for p in seen.get("Program", ())),
    )


def _pairs(block: str) -> Iterable[tuple[str, str]]:
    split = (line.partition("=") for line in block.splitlines())
    return ((key, value) for key, found, value in split if found)


def _unit(said: Mapping[str, str]) -> Unit | None:
    if not said.get("Id"):
        return None
    restarts = said.get("NRestarts", "")
    return Unit(
        id=said["Id"],
        names=frozenset({said["Id"], *said.get("Names", "").split()}),
        type=said.get("Type", ""),
        load=said.get("LoadState", ""),
        enabled=said.get("UnitFileState", ""),
        active=said.get("ActiveState", ""),
        sub=said.get("SubState", ""),
        result=said.get("Result", ""),
        restarts=int(restarts) if re.fullmatch(r"[0-9]{1,9}", restarts) else None,
        changed_at=_moment(said.get("StateChangeTimestamp", "")),
        started_at=_moment(said.get("ActiveEnterTimestamp", "")),
    )


def _moment(text: str) -> datetime | None:
    """`Tue 2026-11-24 06:49:24 UTC`, as `systemctl` writes a moment with TZ=UTC0."""
    found = re.fullmatch(r"\w{3} ([0-9-]{10} [0-9:]{8}) UTC", text)
    if found is None:
        return None
    try:
        return datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    except ValueError:
        return None


def _ports(words: Iterable[str]) -> frozenset[int]:
    return frozenset(int(word, 16) for word in words if re.fullmatch(r"[0-9A-F]{4}", word))
