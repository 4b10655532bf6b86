"""The command line against a real mail host: what it prints is what the host then does."""

import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import pytest

from lab.host import Host
from lab.lab import Lab
from mailvane.cli.asked import Needed
from mailvane.cli.sudoers import FILE, sudoers_file
from mailvane.core.request import Right

Done = subprocess.CompletedProcess[str]
Mailvane = Callable[..., Done]

HARD: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("/usr/sbin/postqueue", "-j"), ("/usr/sbin/postqueue", "-j", "-f")),
    (("/usr/sbin/postsuper",), ("/usr/sbin/postsuper", "-d", "ALL")),
    (
        ("/usr/bin/find", "/var/spool", "-printf", r"%h %B@\n"),
        ("/usr/bin/find", "/var/spool", "-printf", r"%h %B@\\n"),
    ),
    (
        ("/usr/bin/awk", "-F:", r'$1 == "a,b" { print $2 "\\" $3 }', "/a=b/c#d"),
        ("/usr/bin/awk", "-F:", r'$1 == "a,b" { print $2 "\" $3 }', "/a=b/c#d"),
    ),
    (
        ("/usr/bin/find", "/x", "(", "-name", "*.[ch]?", "!", "-user", "root", ")"),
        ("/usr/bin/find", "/x", "(", "-name", "x.ch", "!", "-user", "root", ")"),
    ),
    (("/usr/bin/grep", "^a$", "/etc/passwd"), ("/usr/bin/grep", "a", "/etc/passwd")),
    (
        ("/usr/bin/env", "LC_ALL=C", "a'b", 'c"d', "{}", ";", "&&", "|", "$(id)"),
        ("/usr/bin/env", "LC_ALL=C", "a'b", 'c"d', "{}", ";", "&&", "|", "root"),
    ),
)


@pytest.fixture
def mailvane(tmp_path: Path) -> Iterator[Mailvane]:
    """Runs the real command in a folder of its own, with a state folder of its own, without a terminal by default."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"}

    def run(*arguments: str, stdin: int = subprocess.DEVNULL) -> Done:
        return subprocess.run(
            [sys.executable, "-m", "mailvane", "--state", str(tmp_path / "state"), *arguments],
            cwd=tmp_path,
            env=environment,
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def _may(lab: Lab, argv: tuple[str, ...]) -> bool:
    """Whether sudo on the host would run that for the monitor user."""
    asked = f"sudo -n -l -- {shlex.join(argv)} >/dev/null 2>&1"
    return subprocess.run([*lab.ssh_command("mx1"), asked], check=False, timeout=60).returncode == 0


def _install(host: Host, text: str) -> None:
    host.run(f"cat >{FILE} <<'END'\n{text}\nEND\nchmod 440 {FILE} && visudo -cf {FILE}")


def _fingerprint(host: Host) -> str:
    return asyncssh.import_public_key(host.host_key).get_fingerprint()


@pytest.mark.parametrize(("argv", "other"), HARD)
def test_sudo_grants_exactly_what_the_line_says(
    lab: Lab, mx1: Host, argv: tuple[str, ...], other: tuple[str, ...]
) -> None:
    """The very command is granted; one more, one less or one other argument is refused."""
    _install(mx1, "\n".join(sudoers_file("monitor", "mx1", [Needed(Right(argv, "x"), ("y",))])))
    assert _may(lab, argv)
    assert not _may(lab, other)
    assert not _may(lab, (*argv, "--more"))
    assert not _may(lab, argv[:-1] or ("/bin/sh",))


@pytest.fixture
def first(lab: Lab, mx1: Host, mailvane: Mailvane) -> tuple[str, ...]:
    """The words that add mx1 to a configuration, all but the fingerprint."""
    return ("add", f"monitor@{mx1.address}", "--key", str(lab.ssh_key))


def test_a_server_is_added_and_watched(
    mx1: Host, mailvane: Mailvane, first: tuple[str, ...], tmp_path: Path
) -> None:
    """With the fingerprint from its console a server is trusted, tried, written down and checked."""
    added = mailvane(*first, "--accept", _fingerprint(mx1))
    assert added.returncode == 0, added.stderr
    assert f"mx1: logged in as monitor on {mx1.hostname}\n" in added.stdout
    assert re.search(r"  ● works +log\n", added.stdout)
    assert added.stdout.endswith("next: mailvane check mx1\n")
    written = (tmp_path / "mailvane.yaml").read_text()
    assert f"hostname: {mx1.hostname}\n" in written
    assert "services: [postfix, " in written
    assert (tmp_path / "state" / "known_hosts").stat().st_mode & 0o777 == 0o600
    checked = mailvane("check")
    assert "● healthy    services" in checked.stdout, checked.stdout
    mx1.stop("dovecot")
    checked = mailvane("check")
    assert checked.returncode in (1, 2)
    assert re.search(r"▲ degraded   services +dovecot is down", checked.stdout), checked.stdout


def test_no_host_key_is_taken_on_its_word(
    mailvane: Mailvane, first: tuple[str, ...], tmp_path: Path
) -> None:
    """Without a terminal, without --accept or with another fingerprint: status 2, nothing written."""
    for accept in ((), ("--accept", "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")):
        refused = mailvane(*first, *accept)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "nothing was changed" in refused.stderr
    assert not (tmp_path / "mailvane.yaml").exists()
    assert not (tmp_path / "state" / "known_hosts").exists()


@pytest.mark.parametrize(("answer", "status"), [("no", 2), ("yes", 0), ("FINGERPRINT", 0)])
def test_on_a_terminal_it_asks(
    mx1: Host, mailvane: Mailvane, first: tuple[str, ...], answer: str, status: int
) -> None:
    """Only `yes` or the very fingerprint trusts the key; the fingerprint is shown before."""
    keyboard, terminal = pty.openpty()
    try:
        os.write(keyboard, answer.replace("FINGERPRINT", _fingerprint(mx1)).encode() + b"\n")
        asked = mailvane(*first, stdin=terminal)
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert asked.returncode == status, asked.stderr
    assert f"  ssh-ed25519  {_fingerprint(mx1)}\n" in asked.stderr


def test_a_changed_host_key_is_unknown_until_it_is_accepted(
    mx1: Host, mailvane: Mailvane, first: tuple[str, ...], tmp_path: Path
) -> None:
    """The server's checks are unknown with the command that accepts the new key, which then works."""
    assert mailvane(*first, "--accept", _fingerprint(mx1)).returncode == 0
    pinned = tmp_path / "state" / "known_hosts"
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", str(other)], check=True)
    key = " ".join(Path(f"{other}.pub").read_text().split()[:2])
    pinned.write_text(f"{mx1.address} {key}\n")
    checked = mailvane("check")
    assert "● healthy    instance" in checked.stdout
    (command,) = set(re.findall(r"`mailvane (add mx1 --accept \S+)`", checked.stdout))
    assert mailvane(*command.split()).stdout.startswith(f"pinned for {mx1.address}: ssh-ed25519 ")
    assert "● healthy    services" in mailvane("check").stdout


def test_a_refused_login_gets_the_line_to_install(
    lab: Lab, mx1: Host, mailvane: Mailvane, tmp_path: Path
) -> None:
    """The authorized_keys line that is printed lets us in, from here, and for nothing but commands."""
    mx1.run("useradd -m -s /bin/sh watcher")
    wanted = ("add", f"watcher@{mx1.address}", "--key", str(lab.ssh_key))
    refused = mailvane(*wanted, "--accept", _fingerprint(mx1))
    assert refused.returncode == 1
    assert not (tmp_path / "mailvane.yaml").exists()
    (line,) = re.findall(r"^restrict,from=.*$", refused.stderr, re.MULTILINE)
    home = "~watcher/.ssh"
    mx1.run(
        f"install -d -o watcher -m 700 {home}; echo {shlex.quote(line)} >{home}/authorized_keys"
    )
    assert mailvane(*wanted).returncode == 0
    known = ("-o", f"UserKnownHostsFile={tmp_path / 'state' / 'known_hosts'}")
    ssh = ["ssh", "-F", "none", "-i", str(lab.ssh_key), *known, f"watcher@{mx1.address}"]
    terminal = subprocess.run(
        [*ssh[:-1], "-tt", ssh[-1], "tty"], capture_output=True, text=True, check=False, timeout=30
    )
    assert "PTY allocation request failed" in terminal.stderr


def test_each_lost_right_is_told_with_what_gets_it_back(
    lab: Lab, mx1: Host, mailvane: Mailvane, first: tuple[str, ...]
) -> None:
    """Without sudo and without the group each check says what it misses; what `access` prints brings it."""
    mx1.run(f"rm -f {FILE}; gpasswd -d monitor adm")
    added = mailvane(*first, "--accept", _fingerprint(mx1))
    assert added.returncode == 0
    assert re.search(r"▲ in part +queue +sudo refuses /usr/bin/find", added.stdout), added.stdout
    assert re.search(r"✖ lost +log +cannot read /var/log/mail.log", added.stdout), added.stdout
    assert "→ usermod -aG adm monitor" in added.stdout
    _install(mx1, mailvane("access", "mx1", "--only", "sudoers").stdout)
    mx1.run("usermod -aG adm monitor")
    doctor = mailvane("doctor", "mx1")
    assert "queue" not in doctor.stdout
    assert re.search(r"● +login +as monitor over SSH, with a pinned host key", doctor.stdout)
    assert re.search(r"● +tools +all there", doctor.stdout)
