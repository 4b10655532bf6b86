"""The public half of the login key, from wherever it can be had."""

import subprocess
from pathlib import Path

import asyncssh
import pytest

from mailvane.cli.command import CannotGoOn
from mailvane.cli.public_key import public_key
from mailvane.core.server import Ssh


def _write(file: Path) -> str:
    """Writes a new private key; returns its public half as `type base64`."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(key.export_private_key())
    return key.export_public_key().decode().strip()


def test_it_is_read_from_the_file_beside(tmp_path: Path) -> None:
    """The .pub file is taken, without its comment and without a look at the private key."""
    public = _write(tmp_path / "key")
    (tmp_path / "key").unlink()
    (tmp_path / "key.pub").write_text(f"{public} me@desk\n")
    assert public_key(Ssh(host="x", key=tmp_path / "key"), tmp_path) == public


def test_it_is_derived_from_the_private_key(tmp_path: Path) -> None:
    """Without a .pub file it is computed."""
    public = _write(tmp_path / "key")
    assert public_key(Ssh(host="x", key=tmp_path / "key"), tmp_path) == public


def test_without_a_configured_key_the_usual_one_is_taken(tmp_path: Path) -> None:
    """The keys that OpenSSH tries by itself are looked for, ed25519 first."""
    _write(tmp_path / ".ssh" / "id_rsa")
    public = _write(tmp_path / ".ssh" / "id_ed25519")
    assert public_key(Ssh(host="x"), tmp_path) == public


def test_an_encrypted_key_says_what_to_do(tmp_path: Path) -> None:
    """A passphrase is not asked for; the command that writes the .pub file is said."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(tmp_path / "key")],
        check=True,
    )
    (tmp_path / "key.pub").unlink()
    with pytest.raises(CannotGoOn, match=r"ssh-keygen -y -f .*/key > .*/key.pub"):
        public_key(Ssh(host="x", key=tmp_path / "key"), tmp_path)


@pytest.mark.parametrize("text", ["", "hello", "ssh-rsa AAAA", 'command="x" ssh-rsa ' + "A" * 60])
def test_a_file_that_is_no_public_key_is_refused(tmp_path: Path, text: str) -> None:
    """Nothing but `type base64` gets into an authorized_keys line."""
    (tmp_path / "key.pub").write_text(text)
    with pytest.raises(CannotGoOn, match="expected a public key"):
        public_key(Ssh(host="x", key=tmp_path / "key"), tmp_path)


@pytest.mark.parametrize("text", [None, "not a key"])
def test_a_key_that_is_missing_or_none_is_a_sentence(tmp_path: Path, text: str | None) -> None:
    """A missing file and one that is no key are said, each with the file."""
    if text:
        (tmp_path / "key").write_text(text)
    with pytest.raises(CannotGoOn, match=f"{tmp_path}/key"):
        public_key(Ssh(host="x", key=tmp_path / "key"), tmp_path)


def test_no_key_at_all_says_how_to_make_one(tmp_path: Path) -> None:
    """Without any key the command that makes one is said."""
    with pytest.raises(CannotGoOn, match="ssh-keygen -t ed25519"):
        public_key(Ssh(host="x"), tmp_path)
