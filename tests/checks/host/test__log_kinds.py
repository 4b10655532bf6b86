"""Which lines count as what, by the awk of this machine."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailvane.checks.host._log_script import file, script

SCRIPT = script((file("", ("/nowhere",)),))
AWK = SCRIPT.partition("| awk '")[2].rpartition("'")[0]

KINDS = Path(__file__).parents[2] / "answers" / "log" / "kinds.txt"


def examples() -> Iterator[tuple[str, str]]:
    """Each class with each of its lines."""
    for section in KINDS.read_text().split("== ")[1:]:
        kind, *messages = section.splitlines()
        yield from ((kind, message) for message in messages)


def kinds(*messages: str) -> dict[str, int]:
    """How many of the messages awk counts in each class."""
    text = "".join(f"2026-11-24T07:52:02+00:00 mx {message}\n" for message in messages)
    done = subprocess.run(["awk", AWK], input=text.encode(), capture_output=True, check=True)
    rows = [row.split("\t") for row in done.stdout.decode().splitlines()]
    return {row[2]: int(row[3]) for row in rows if row[0] == "count" and row[2] != "lines"}


@pytest.mark.parametrize(("kind", "message"), [*examples()])
def test_a_line_is_of_its_class(kind: str, message: str) -> None:
    """A line that matters counts once, in one class; all others count nowhere."""
    assert kinds(message) == ({} if kind == "nothing" else {kind: 1})


def test_an_ssh_connection_counts_once_for_each_password() -> None:
    """`Invalid user` announces the first failed password, and the closing line repeats the last."""
    invalid = (
        "sshd[9]: Invalid user x from 192.0.2.1 port 5",
        "sshd[9]: Failed password for invalid user x from 192.0.2.1 port 5 ssh2",
        "sshd[9]: Failed password for invalid user x from 192.0.2.1 port 5 ssh2",
        "sshd[9]: Connection closed by invalid user x 192.0.2.1 port 5 [preauth]",
    )
    assert kinds(*invalid) == {"ssh": 2}


def test_dovecot_says_how_many_attempts_a_connection_made() -> None:
    """Three wrong passwords in one connection are three failed logins."""
    line = "dovecot: imap-login: Disconnected (auth failed, 3 attempts in 9 secs): user=<bob>"
    assert kinds(line, line) == {"dovecot": 6}
