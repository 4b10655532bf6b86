"""A host's own disk: a tmpfs of fixed size over the shared root, so that "full" is real."""

import os
from pathlib import Path

from lab.commands import run
from lab.errors import LabError

BALLAST = "var/tmp/lab-ballast"
PAGE = 4096


class Disk:
    """The overlay of one host, as seen from this machine."""

    def __init__(self, directory: Path, label: str) -> None:
        self.own = directory / "own"
        self.files = directory / "fs"
        self.label = label

    def mount(self, root: Path) -> None:
        """The host's files are there: the root's, and over them its own."""
        if self.files.is_mount():
            return
        size = os.environ.get("MAILVANE_LAB_DISK", "512m")
        for path in (self.own, self.files):
            path.mkdir(parents=True, exist_ok=True)
        run("mount", "-t", "tmpfs", "-o", f"size={size},mode=755", self.label, self.own)
        for name in ("upper", "work"):
            (self.own / name).mkdir(mode=0o755)
        layers = f"lowerdir={root},upperdir={self.own}/upper,workdir={self.own}/work"
        run("mount", "-t", "overlay", "-o", layers, self.label, self.files)

    def unmount(self) -> None:
        """The host's files are gone."""
        for path in (self.files, self.own):
            if path.is_mount():
                run("umount", "--lazy", path)

    def fill(self, *, percent: int | None = None, free_bytes: int = 0) -> None:
        """`df` shows that percentage used; without one, that much is free."""
        self.free()
        size, free = self.size_and_free()
        # Half a percent below, since df rounds up: a growing log does not tip it over.
        left = free_bytes if percent is None else size - size * (2 * percent - 1) // 200
        if free <= left:
            raise LabError(f"expected more than {left} bytes free to fill; found {free}")
        with (self.files / BALLAST).open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, (free - left) // PAGE * PAGE)

    def free(self) -> None:
        """What `fill` wrote is gone."""
        (self.files / BALLAST).unlink(missing_ok=True)

    def size_and_free(self) -> tuple[int, int]:
        """The size and the free space, in bytes."""
        has = os.statvfs(self.files)
        return has.f_blocks * has.f_frsize, has.f_bavail * has.f_frsize
