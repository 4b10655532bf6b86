"""Files that a configuration names, found and read within limits."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Files:
    """Where paths of the configuration begin."""

    folder: Path
    """The configuration's own folder: relative paths begin here."""
    home: Path
    """What `~` stands for."""

    def find(self, written: str) -> Path:
        """The path as an absolute one."""
        if written == "~" or written.startswith("~/"):
            return self.home / written[2:]
        return self.folder / written


def read_text(file: Path, limit_bytes: int) -> tuple[str, int]:
    """The file's text and mode; never waits, as the opening of a pipe would.

    Raises OSError, or ValueError with what is wrong about the file.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise ValueError("not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            content = stream.read(limit_bytes + 1)
    finally:
        os.close(descriptor)
    if len(content) > limit_bytes:
        raise ValueError(f"larger than {limit_bytes // 1024:,} KiB")
    try:
        return content.decode("utf-8-sig"), mode
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"not a UTF-8 text (line {line})") from None


def why(error: OSError | ValueError) -> str:
    """What went wrong with a file, as the end of a sentence."""
    return str(error.strerror or error) if isinstance(error, OSError) else str(error)
