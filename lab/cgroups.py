"""One cgroup for each host: two systemds must not share one, and it counts the host's CPU."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from lab.errors import LabError

# The hierarchies that matter: version 2, systemd's own, and the CPU account of version 1.
WANTED = re.compile(r"|name=systemd|(.*,)?cpuacct(,.*)?")


class Cgroup:
    """The cgroup directories of one host, in each hierarchy that matters."""

    def __init__(self, record: Path, name: str) -> None:
        self.record = record
        self.name = name

    def create(self) -> list[Path]:
        """The directories exist and are recorded, below this process's own cgroup."""
        if not self.record.exists():
            paths = [own / self.name for own in own_directories()]
            self.record.write_text("".join(f"{path}\n" for path in paths))
        for path in self.directories():
            path.mkdir(exist_ok=True)
        return self.directories()

    def directories(self) -> list[Path]:
        """The recorded directories; none if the host was never booted."""
        if not self.record.exists():
            return []
        return [Path(line) for line in self.record.read_text().splitlines()]

    def cpu_seconds(self) -> float:
        """The CPU time, user and system, that the host has used since its cgroup was made."""
        for path in self.directories():
            if (usage := path / "cpuacct.usage").exists():
                return int(usage.read_text()) / 1e9
        for path in self.directories():
            if (stat := path / "cpu.stat").exists():
                return int(stat.read_text().split()[1]) / 1e6
        raise LabError(f"expected a CPU account in the cgroups of {self.name}; found none")

    def remove(self) -> None:
        """The directories are gone, unless a process is still in one."""
        for top in self.directories():
            inner = sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True)
            for path in (*inner, top):
                with contextlib.suppress(OSError):
                    path.rmdir()
        self.record.unlink(missing_ok=True)


def own_directories() -> Iterator[Path]:
    """The directories of this process's cgroups in the hierarchies that matter."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if WANTED.fullmatch(controllers) and (mount := mounted(controllers)):
            yield mount / path.lstrip("/")


def mounted(controllers: str) -> Path | None:
    """Where the hierarchy with these controllers is mounted; no controllers mean version 2."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split()[:3]
        is_it = kind == "cgroup" and set(controllers.split(",")) <= set(options.split(","))
        if is_it or (kind == "cgroup2" and not controllers):
            return Path(before.split()[4])
    return None
