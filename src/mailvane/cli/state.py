"""The state folder as a command may use it."""

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING

from mailvane.cli.command import CannotGoOn

if TYPE_CHECKING:
    from mailvane.settings import Settings


def own_state(settings: "Settings") -> Path:
    """The state folder, which is there and is ours to write to.

    As root it raises CannotGoOn for a folder of another user: what root wrote there, the service that
    runs as that user could not read any more.
    """
    from mailvane.settings import prepare_state

    folder = settings.state
    owner = folder.stat().st_uid if folder.exists() else os.geteuid()
    if os.geteuid() == 0 and owner != 0:
        raise CannotGoOn(
            f"{folder} belongs to {name_of(owner)}; run this as that user:"
            f" sudo -u {name_of(owner)} mailvane ..."
        )
    return prepare_state(folder)


def name_of(uid: int) -> str:
    """The user's name, the number when there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"
