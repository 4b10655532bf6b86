"""The power switch of a host: systemd-nspawn boots it, a signal to its PID 1 ends it."""

import signal
from pathlib import Path

from lab.cgroups import Cgroup
from lab.commands import Done, failure, run
from lab.errors import LabError
from lab.layout import Layout
from lab.processes import Process, children, send

# What systemd as PID 1 of a container takes for "power off in order" (SIGRTMIN+4).
POWER_OFF = signal.SIGRTMIN + 4
ENVIRONMENT = ("PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8")


class Power:
    """One host as a tree of processes."""

    def __init__(self, layout: Layout, name: str, files: Path) -> None:
        self.name = name
        self.files = files
        self.namespace = layout.namespace(name)
        self.process = Process(layout.running / f"{name}.pid")
        self.cgroup = Cgroup(layout.running / f"{name}.cgroups", self.namespace.name)

    def on(self) -> None:
        """The host boots, unless it already runs."""
        if self.process.pid is not None:
            return
        self.process.start(
            (
                "systemd-nspawn", "--quiet", "--boot", f"--directory={self.files}",
                f"--machine={self.namespace.name}", f"--hostname={self.name}.test",
                f"--network-namespace-path={self.namespace}", "--register=no", "--keep-unit",
                "--link-journal=no", "--resolv-conf=off", "--timezone=off", "--console=read-only",
            ),
            self.cgroup.create(),
        )  # fmt: skip

    def cut(self) -> None:
        """The host is off, at once: its PID 1 was killed, and all else with it."""
        if leader := self.leader():
            send(leader, signal.SIGKILL)
            self.process.wait(10)
        self.process.stop()

    def shut_down(self) -> None:
        """The host is off, having stopped its services in order."""
        if leader := self.leader():
            send(leader, POWER_OFF)
            self.process.wait(30)
        self.process.stop()

    def leader(self) -> int | None:
        """The id, on this machine, of the host's PID 1; None while it is off."""
        if (outer := self.process.pid) is None:
            return None
        return next((pid for pid in children(outer) if is_first(pid)), None)

    def run(self, command: str, *, check: bool = True, timeout: float = 60) -> Done:
        """The shell command has ended, as root inside the host; output is returned."""
        done = run(*self._inside(command, timeout), timeout=timeout + 5, check=False)
        if check and done.returncode:
            raise LabError(f"{self.name}: {failure(command, done)}")
        return done

    def _inside(self, command: str, timeout: float) -> list[str]:
        if (leader := self.leader()) is None:
            raise LabError(f"expected {self.name} to run; it is off: switch its power on")
        spaces = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")
        # Not forked, so that `timeout` waits from outside: nsenter itself would stop for good
        # with a child that a shutdown stops for a moment, and the host could never end.
        limit = ("timeout", "--kill-after=1", str(timeout))
        shell = ("env", "-i", *ENVIRONMENT, *limit, "sh", "-c", command)
        return ["nsenter", f"--target={leader}", "--no-fork", *spaces, "--", *shell]


def is_first(pid: int) -> bool:
    """Whether the process is PID 1 of a namespace below this one."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return False
    ids = next(line.split()[1:] for line in lines if line.startswith("NSpid:"))
    return len(ids) > 1 and ids[-1] == "1"
