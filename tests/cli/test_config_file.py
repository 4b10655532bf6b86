"""The configuration file after `mailvane add`: all new or all old."""

import os
from pathlib import Path
from typing import Any

import pytest

from mailvane.cli.command import Called, CannotGoOn
from mailvane.cli.config_file import written_into
from mailvane.core.errors import SettingsError

CALLED = Called()
SERVER: dict[str, Any] = {"name": "mx1", "hostname": "mx1.test", "ssh": {"user": "monitor"}}
OLD = "# ours\nservers:\n  - name: mx0  # the first\n    hostname: mx0.test\n    ssh: {}\n"
NEW = OLD + "  - name: mx1\n    hostname: mx1.test\n    ssh: {user: monitor}\n"


def _left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_comments_order_and_mode_stay(tmp_path: Path) -> None:
    """The server is added at the end; everything else is as it was, and no draft is left."""
    file = tmp_path / "mailvane.yaml"
    file.write_text(OLD)
    file.chmod(0o640)
    written_into(file, SERVER, CALLED)
    assert file.read_text() == NEW
    assert file.stat().st_mode & 0o777 == 0o640
    assert _left(tmp_path) == ["mailvane.yaml"]


def test_line_ends_stay(tmp_path: Path) -> None:
    """A file with CRLF keeps it on every line."""
    file = tmp_path / "mailvane.yaml"
    file.write_bytes(OLD.replace("\n", "\r\n").encode())
    written_into(file, SERVER, CALLED)
    assert file.read_bytes() == NEW.replace("\n", "\r\n").encode()


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    """The first server makes the file, which others may read: it holds no secrets."""
    file = tmp_path / "mailvane.yaml"
    written_into(file, SERVER, CALLED)
    assert file.read_text() == "servers:\n" + "".join(NEW.splitlines(keepends=True)[-3:])
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """What the link leads to is changed, not the link."""
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "a.yaml", tmp_path / "mailvane.yaml"
    real.write_text(OLD)
    link.symlink_to(real)
    written_into(link, SERVER, CALLED)
    assert link.is_symlink()
    assert real.read_text() == NEW


@pytest.mark.parametrize(
    ("old", "server", "place"),
    [
        (OLD, SERVER | {"name": "mx0"}, "servers[0].name"),
        (OLD, SERVER | {"name": "M X"}, "name"),
        (OLD, SERVER | {"hostname": "a;b"}, "hostname"),
        ("servers: [", SERVER, ""),
        ("nonsense: 1\n" + OLD, SERVER, "nonsense"),
    ],
)
def test_what_would_be_wrong_is_not_written(
    tmp_path: Path, old: str, server: dict[str, Any], place: str
) -> None:
    """A taken name, a wrong value or a broken file: told with its own name, and nothing is changed."""
    file = tmp_path / "mailvane.yaml"
    file.write_text(old)
    with pytest.raises(SettingsError) as caught:
        written_into(file, server, CALLED)
    assert file.read_text() == old
    assert _left(tmp_path) == ["mailvane.yaml"]
    assert all(p.place.startswith(str(file)) for p in caught.value.problems)
    assert any(p.key.endswith(place) for p in caught.value.problems)


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    """What cannot be written is said with its path."""
    with pytest.raises(CannotGoOn, match=r"cannot be written: No such file or directory"):
        written_into(tmp_path / "nowhere" / "mailvane.yaml", SERVER, CALLED)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_stays(tmp_path: Path) -> None:
    """A file that root edits stays that of the user whom the service runs as."""
    file = tmp_path / "mailvane.yaml"
    file.write_text(OLD)
    os.chown(file, 12345, 12346)
    written_into(file, SERVER, CALLED)
    about = file.stat()
    assert (about.st_uid, about.st_gid) == (12345, 12346)
