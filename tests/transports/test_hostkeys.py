"""Pinned keys, in files as OpenSSH writes them."""

import subprocess
from pathlib import Path

import asyncssh
import pytest

from mailvane.transports.hostkeys import HostKey, host_key, pin, pinned_name, pins

ED = asyncssh.generate_private_key("ssh-ed25519").convert_to_public()
OTHER = asyncssh.generate_private_key("ssh-ed25519").convert_to_public()
EC = asyncssh.generate_private_key("ecdsa-sha2-nistp256").convert_to_public()


def line(name: str, key: asyncssh.SSHKey) -> str:
    """A line of known_hosts."""
    return f"{name} {key.export_public_key().decode().strip()}\n"


def written(tmp_path: Path, text: str) -> Path:
    """A known_hosts file."""
    file = tmp_path / "known_hosts"
    file.write_text(text)
    return file


def test_a_key_is_pinned_for_its_host_alone(tmp_path: Path) -> None:
    """The same file says nothing about another host."""
    file = written(tmp_path, line("mx.example", ED))
    assert pins([file], "mx.example", 22).keys == (ED,)
    assert pins([file], "mx2.example", 22).keys == ()


def test_names_are_without_case(tmp_path: Path) -> None:
    """MX.Example is mx.example."""
    assert pins([written(tmp_path, line("mx.example", ED))], "MX.Example", 22).keys == (ED,)


def test_another_port_has_another_key(tmp_path: Path) -> None:
    """`[host]:port` is looked up first; a key of the host itself counts where there is none."""
    file = written(tmp_path, line("mx.example", ED) + line("[mx.example]:2222", EC))
    assert pins([file], "mx.example", 2222).keys == (EC,)
    assert pins([file], "mx.example", 22).keys == (ED,)
    assert pins([file], "mx.example", 2200).keys == (ED,)


def test_files_add_up(tmp_path: Path) -> None:
    """Ours and the user's are both looked at; one that is not there pins nothing."""
    ours = written(tmp_path, line("mx", ED))
    users = tmp_path / "users"
    users.write_text(line("mx", OTHER))
    assert pins([ours, tmp_path / "nowhere", users], "mx", 22).keys == (ED, OTHER)


def test_hashed_names_are_read(tmp_path: Path) -> None:
    """A file that ssh-keygen -H has hashed pins the same."""
    file = written(tmp_path, line("mx.example", ED))
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    assert "mx.example" not in file.read_text()
    assert pins([file], "mx.example", 22).keys == (ED,)


def test_authorities_and_revoked_keys_are_apart(tmp_path: Path) -> None:
    """A certificate authority is no host key, a revoked key neither."""
    file = written(tmp_path, line("@cert-authority *.example", ED) + line("@revoked *", OTHER))
    found = pins([file], "mx.example", 22)
    assert (found.keys, found.authorities, found.revoked) == ((), (ED,), (OTHER,))


def test_a_broken_line_pins_nothing_and_hides_nothing(tmp_path: Path) -> None:
    """Lines that cannot be read are passed over."""
    broken = "mx\n@nonsense mx x\n|1|broken ssh-ed25519 AAAA\n# a comment\n\nmx ssh-ed25519 !!!\n"
    file = written(tmp_path, broken + line("mx", ED))
    assert pins([file], "mx", 22).keys == (ED,)


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    """What is remembered of a file goes with its age."""
    file = written(tmp_path, line("mx", ED))
    assert pins([file], "mx", 22).keys == (ED,)
    file.write_text(line("mx", OTHER) + "# longer\n")
    assert pins([file], "mx", 22).keys == (OTHER,)


def test_the_fingerprint_is_that_of_ssh_keygen(tmp_path: Path) -> None:
    """`SHA256:…` as an administrator sees it on the server."""
    public = tmp_path / "key.pub"
    public.write_text(ED.export_public_key().decode())
    said = subprocess.run(["ssh-keygen", "-lf", str(public)], check=True, capture_output=True)
    assert host_key("mx", 22, ED).fingerprint == said.stdout.decode().split()[1]


def test_pinning_creates_a_private_file(tmp_path: Path) -> None:
    """The file and its folder are ours alone, and pin the key."""
    file = tmp_path / "new" / "known_hosts"
    pin(file, host_key("MX.example", 2222, ED))
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert pins([file], "mx.example", 2222).keys == (ED,)
    assert [path.name for path in file.parent.iterdir()] == ["known_hosts"]


def test_pinning_replaces_the_key_of_that_kind_only(tmp_path: Path) -> None:
    """The old key is trusted no more; keys of other hosts, other kinds and comments stay."""
    old = line("mx", ED) + line("mx", EC) + line("other", ED) + "# mine\n"
    file = written(tmp_path, old)
    pin(file, host_key("mx", 22, OTHER))
    assert set(pins([file], "mx", 22).keys) == {EC, OTHER}
    assert pins([file], "other", 22).keys == (ED,)
    assert "# mine" in file.read_text()


def test_pinning_twice_is_pinning_once(tmp_path: Path) -> None:
    """The same key again adds no line."""
    file = tmp_path / "known_hosts"
    pin(file, host_key("mx", 22, ED))
    pin(file, host_key("mx", 22, ED))
    assert len(file.read_text().splitlines()) == 1


def test_a_host_cannot_write_a_second_line(tmp_path: Path) -> None:
    """A name with a line break is refused, and nothing is written."""
    file = tmp_path / "known_hosts"
    evil = HostKey("mx\nother", 22, "ssh-ed25519", "AAAA", "SHA256:x")
    with pytest.raises(ValueError, match="white space"):
        pin(file, evil)
    assert not file.exists()


def test_names_in_files() -> None:
    """Port 22 goes without saying."""
    assert pinned_name("mx", 22) == "mx"
    assert pinned_name("::1", 2222) == "[::1]:2222"
