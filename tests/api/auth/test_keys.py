"""The secret is made once, readable by us alone, and gives one key for each purpose."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mailvane.api.auth.keys import ACCESS_TOKENS, CSRF, KeyUnsafe, derived, load_or_make
from mailvane.core.secret import Secret


def test_the_first_start_makes_a_secret_and_the_second_finds_it(tmp_path: Path) -> None:
    """32 random bytes in a file of mode 0600, the same ever after; no draft is left."""
    path = tmp_path / "state" / "key"
    first = load_or_make(path)
    assert len(bytes.fromhex(first.reveal())) == 32
    assert load_or_make(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [one.name for one in path.parent.iterdir()] == ["key"]


def test_two_machines_have_different_secrets(tmp_path: Path) -> None:
    """Nothing about it is fixed."""
    assert load_or_make(tmp_path / "a") != load_or_make(tmp_path / "b")


def test_processes_that_start_at_once_get_the_same(tmp_path: Path) -> None:
    """Eight starts leave one file and one secret."""
    script = (
        "import sys, pathlib\n"
        "from mailvane.api.auth.keys import load_or_make\n"
        "print(load_or_make(pathlib.Path(sys.argv[1])).reveal())\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "key")], stdout=subprocess.PIPE
        )
        for _ in range(8)
    ]
    said = {process.communicate()[0] for process in started}
    assert len(said) == 1
    assert len(said.pop()) == 65


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """The error says what to run."""
    path = tmp_path / "key"
    load_or_make(path)
    path.chmod(mode)
    with pytest.raises(KeyUnsafe, match=f"chmod 600 {path}"):
        load_or_make(path)


@pytest.mark.parametrize("content", ["", "short", "x" * 63])
def test_a_file_without_a_key_is_refused_and_kept(tmp_path: Path, content: str) -> None:
    """What is too short to be one is no key; it is not overwritten."""
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_text(content)
    with pytest.raises(KeyUnsafe, match="32 bytes"):
        load_or_make(path)
    assert path.read_text() == content


def test_each_purpose_has_its_key() -> None:
    """What is signed for one is worth nothing for another."""
    one, other = Secret("a" * 64), Secret("b" * 64)
    keys = [derived(s, purpose) for s in (one, other) for purpose in (ACCESS_TOKENS, CSRF)]
    assert len(set(keys)) == 4
    assert derived(one, CSRF) == derived(Secret("a" * 64), CSRF)
