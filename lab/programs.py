"""Programs of the shared root that run in the monitor's network namespace."""

from pathlib import Path

from lab.commands import Done, run
from lab.errors import LabError
from lab.layout import Layout
from lab.processes import Process

# A mount namespace in which the read-only root has a /run, a /dev, and a shared /mnt.
CHROOT = """
mount -t tmpfs tmpfs "$0/run" && mount --bind "$1" "$0/mnt" && mount --bind /dev "$0/dev" || exit 1
root=$0; shift; exec chroot "$root" "$@"
"""


class Program:
    """One program of the root, e.g. a DNS server."""

    def __init__(self, layout: Layout, name: str) -> None:
        self.layout = layout
        self.name = name
        self.process = Process(layout.running / f"{name}.pid")

    @property
    def shared(self) -> Path:
        """The directory that the program sees as /mnt."""
        return self.layout.running / f"{self.name}.files"

    def start(self, root: Path, *command: str) -> None:
        """The program runs, with this root and the monitor's addresses."""
        self.shared.mkdir(parents=True, exist_ok=True)
        network = f"--net={self.layout.namespace()}"
        words: tuple[str | Path, ...] = ("sh", "-c", CHROOT, root, self.shared, *command)
        self.process.start(("nsenter", network, "unshare", "--mount", "--", *words))

    def run(self, *command: str, text: str = "") -> Done:
        """A second program has ended that ran where this one runs; output is returned."""
        if (pid := self.process.pid) is None:
            raise LabError(f"expected {self.name} to run; it does not: run `python3 -m lab up`")
        root = Path(f"/proc/{pid}/root").readlink()
        return run("nsenter", f"--target={pid}", "--mount", "--net", "--",
                   "chroot", root, *command, text=text)  # fmt: skip
