"""Long-running processes of the lab, known by a record on disk and by nothing else."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from lab.errors import LabError

# Joins the cgroups before "--", writes its own id into the record and becomes the command.
LAUNCH = """
while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs" || exit 1; shift; done
shift; echo $$ >"$0"; exec "$@"
"""


class Process:
    """A process that this lab started, found again through its record."""

    def __init__(self, record: Path) -> None:
        self.record = record
        self.log = record.with_suffix(".log")

    def start(self, command: Sequence[str | Path], cgroups: Sequence[Path] = ()) -> None:
        """The command runs detached from this process; its output goes to the log."""
        self.record.unlink(missing_ok=True)
        words = [str(word) for word in (self.record, *cgroups, "--", *command)]
        with self.log.open("ab") as log:
            subprocess.run(
                ["setsid", "--fork", "sh", "-c", LAUNCH, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=True,
            )
        pid = self._wait_for_id()
        # The time it started tells it apart from a later process with the same id.
        self.record.write_text(f"{pid} {started(pid)}\n")

    def _wait_for_id(self) -> int:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if self.record.exists() and (text := self.record.read_text()).endswith("\n"):
                return int(text)
            time.sleep(0.005)
        raise LabError(f"expected a process to start within 10 s; it did not: read {self.log}")

    @property
    def pid(self) -> int | None:
        """The id of the process if it still runs."""
        try:
            pid, began = self.record.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if started(int(pid)) == began else None

    def stop(self, number: int = signal.SIGTERM, seconds: float = 5) -> None:
        """The process has ended, by force when the signal did not do within `seconds`."""
        for each, wait in ((number, seconds), (signal.SIGKILL, 5)):
            if (pid := self.pid) is None:
                break
            send(pid, each)
            self.wait(wait)
        if self.pid is not None:
            raise LabError(f"expected process {self.pid} to end; it still runs: {self.log}")
        self.record.unlink(missing_ok=True)

    def wait(self, seconds: float) -> bool:
        """Whether the process has ended, which is waited for that long."""
        end = time.monotonic() + seconds
        while self.pid is not None and time.monotonic() < end:
            time.sleep(0.02)
        return self.pid is None


def send(pid: int, number: int) -> None:
    """The process has been sent the signal, unless it is gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def started(pid: int) -> str | None:
    """When the process started, in ticks since boot; None if it is gone or a zombie."""
    fields = stat(pid)
    return fields[19] if fields and fields[0] not in "ZX" else None


def stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat that follow the name; empty if the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def children(parent: int) -> list[int]:
    """The ids of the parent's living children."""
    ids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [pid for pid in ids if (has := stat(pid)) and has[1] == str(parent) and has[0] != "Z"]
