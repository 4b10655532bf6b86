"""The command line against a real mail host: what it prints is what the host then does."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

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
    """Runs the real command in a folder of its own, with a state folder of its own, without a terminal."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"}

    def run(*arguments: str) -> Done:
        return subprocess.run(
            [sys.executable, "-m", "mailvane", "--state", str(tmp_path / "state"), *arguments],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
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


def _fingerprint(host: Host, kind: str = "ed25519") -> str:
    return host.run(f"ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub").stdout.split()[1]


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
