"""The configuration file as `mailvane add` changes it: all of the new one or all of the old one."""

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mailvane.cli.command import Called, CannotGoOn
from mailvane.core.errors import Problem, SettingsError

NEW_MODE = 0o644
"""It holds no secrets: those stand in the environment or in files of their own."""


def written_into(file: Path, server: Mapping[str, Any], called: Called) -> None:
    """The server is the last of the file's servers; a file that would then be wrong is left as it was.

    Raises SettingsError with what would be wrong, CannotGoOn when the file cannot be written.
    """
    from mailvane.settings import append_server

    file = file.resolve()
    try:
        old = file.read_bytes().decode("utf-8-sig") if file.exists() else ""
        new = append_server(old, server, str(file))
        _replace(file, new, called)
    except OSError as error:
        raise CannotGoOn(f"{error.filename or file} cannot be written: {error.strerror}") from error


def _replace(file: Path, text: str, called: Called) -> None:
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        _as_before(draft, file)
        _check(draft, file, called)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def _as_before(draft: Path, file: Path) -> None:
    """The draft has the owner and the mode of the file that it replaces."""
    if not file.exists():
        draft.chmod(NEW_MODE)
        return
    about = file.stat()
    draft.chmod(stat.S_IMODE(about.st_mode))
    if os.geteuid() == 0:
        os.chown(draft, about.st_uid, about.st_gid)


def _check(draft: Path, file: Path, called: Called) -> None:
    try:
        called.app.load_settings(draft, called.state)
    except SettingsError as error:
        problems = [
            Problem(p.place.replace(str(draft), str(file)), p.key, p.message)
            for p in error.problems
        ]
        raise SettingsError(problems) from None
