"""Where the configuration and the state folder are."""

import os
import stat
from pathlib import Path

import pytest

from mailvane.core.errors import SettingsError
from mailvane.settings import config_file, prepare_state, state_folder


def test_the_configuration_is_the_first_that_is_named(tmp_path: Path) -> None:
    """Given, then MAILVANE_CONFIG, whether they are there or not; then the first usual one there."""
    usual = (tmp_path / "here.yaml", tmp_path / "there.yaml")
    named = {"MAILVANE_CONFIG": "/named"}
    assert config_file(named, Path("/given"), usual) == Path("/given")
    assert config_file(named, None, usual) == Path("/named")
    assert config_file({}, None, usual) is None
    usual[1].touch()
    assert config_file({}, None, usual) == usual[1]
    usual[0].touch()
    assert config_file({}, None, usual) == usual[0]


def test_the_state_folder_is_the_first_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given, then MAILVANE_STATE, as absolute paths; then root's and everyone else's usual one."""
    named = {"MAILVANE_STATE": "/named", "HOME": "/home/me", "XDG_STATE_HOME": "/xdg"}
    assert state_folder(named, Path("/given")) == Path("/given")
    assert state_folder(named, Path("here")) == Path.cwd() / "here"
    assert state_folder(named) == Path("/named")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert state_folder({"HOME": "/root"}) == Path("/var/lib/mailvane")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert state_folder({"HOME": "/home/me", "XDG_STATE_HOME": "/xdg"}) == Path("/xdg/mailvane")
    below_home = Path("/home/me/.local/state/mailvane")
    assert state_folder({"HOME": "/home/me", "XDG_STATE_HOME": "relative"}) == below_home
    assert state_folder({"HOME": "/home/me"}) == below_home


@pytest.mark.parametrize("before", [None, 0o755, 0o700])
def test_a_prepared_state_folder_is_ours_alone(tmp_path: Path, before: int | None) -> None:
    """Made when it is missing, closed when it is open."""
    folder = tmp_path / "deep" / "state"
    if before is not None:
        folder.mkdir(parents=True)
        folder.chmod(before)
    assert prepare_state(folder) == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_state_folder_that_cannot_be_is_an_error_with_the_way_out(tmp_path: Path) -> None:
    """A file stands in its place: told with what to do."""
    (tmp_path / "state").touch()
    with pytest.raises(SettingsError, match=r"install -d -m 700 .* --state or MAILVANE_STATE"):
        prepare_state(tmp_path / "state" / "below")
    with pytest.raises(SettingsError, match="expected a folder that Mailvane may write to"):
        prepare_state(tmp_path / "state")
