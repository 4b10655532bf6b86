"""The state folder as commands may use it."""

import os
from pathlib import Path

import pytest

from mailvane.cli.command import CannotGoOn
from mailvane.cli.state import name_of, own_state
from mailvane.core.secret import Secret
from mailvane.settings import Settings


def _settings(folder: Path) -> Settings:
    return Settings(servers=(), store=Secret(""), state=folder)


def test_it_is_made_for_us_alone(tmp_path: Path) -> None:
    """A folder that is not there is made, and nobody else can look into it."""
    folder = own_state(_settings(tmp_path / "state"))
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write everywhere")
def test_root_does_not_write_into_the_folder_of_a_service(tmp_path: Path) -> None:
    """What root wrote there the service could not read: it is refused with the command to use."""
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(CannotGoOn, match=f"sudo -u {name_of(65534)} mailvane"):
        own_state(_settings(tmp_path))


def test_a_user_without_a_name_has_a_number() -> None:
    """An unknown uid is shown as sudo takes it."""
    assert name_of(4_000_000_001) == "#4000000001"
    assert name_of(0) == "root"
