"""Where the configuration and the state folder are."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from mailvane.core.errors import Problem, SettingsError
from mailvane.settings.files import why

USUAL_CONFIGS = (Path("mailvane.yaml"), Path("/etc/mailvane/mailvane.yaml"))
SYSTEM_STATE = Path("/var/lib/mailvane")
"""Filesystem Hierarchy Standard 3.0, section 5.8."""


def config_file(
    environ: Mapping[str, str], given: Path | None = None, usual: tuple[Path, ...] = USUAL_CONFIGS
) -> Path | None:
    """The configuration to read: given, else MAILVANE_CONFIG, else the first usual one; None: none.

    One that is given or named in the environment need not be there: that is for `load` to say.
    """
    if given is not None:
        return given
    if named := environ.get("MAILVANE_CONFIG"):
        return Path(named)
    return next((path for path in usual if path.exists()), None)


def home_folder(environ: Mapping[str, str]) -> Path:
    """What `~` stands for."""
    named = environ.get("HOME", "")
    return Path(named) if named.startswith("/") else Path("/")


def state_folder(environ: Mapping[str, str], given: Path | None = None) -> Path:
    """The folder for what Mailvane itself writes, as an absolute path.

    Given, else MAILVANE_STATE, else /var/lib/mailvane for root and `mailvane` below XDG_STATE_HOME
    (XDG Base Directory Specification 0.8) for everyone else.
    """
    if given is not None:
        return given.absolute()
    if named := environ.get("MAILVANE_STATE"):
        return Path(named).absolute()
    if os.geteuid() == 0:
        return SYSTEM_STATE
    base = environ.get("XDG_STATE_HOME", "")
    # The specification says that a relative one is to be ignored.
    below = Path(base) if base.startswith("/") else home_folder(environ) / ".local" / "state"
    return below / "mailvane"


def prepare_state(folder: Path) -> Path:
    """The state folder is there, and only we can look into it; raises SettingsError when not."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stat.S_IMODE(folder.stat().st_mode) & 0o077:
            folder.chmod(0o700)
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(13, "not writable")
    except OSError as error:
        told = (
            f"expected a folder that Mailvane may write to: {why(error)}; make it "
            f"(`install -d -m 700 -o USER {folder}`) or name another with --state or MAILVANE_STATE"
        )
        raise SettingsError([Problem(str(folder), "", told)]) from None
    return folder
