"""`mailvane access`, as it is read and as it is piped."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mailvane.core.check import Check
from mailvane.core.request import Right, ShellCommand
from mailvane.core.server import Local, Ssh

Make = Callable[..., Any]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZ0Zm9vYmFyYmF6cXV4cXV1eGNvcmdlZ3JhdWx0Z2Fy"
QUEUE = Right(
    ("/usr/bin/find", "/var/spool/postfix", "-printf", r"%h\n"), "the queue is not counted"
)

WHOLE = f"""\
# mail-va (mail-va.example.com): what monitor needs there

# Install with `visudo -f /etc/sudoers.d/mailvane`: it refuses a file with a mistake in it.
# /etc/sudoers.d/mailvane on mail-va: what Mailvane may run as root there, word for word.
# queue, disk: without it the queue is not counted
monitor ALL=(root) NOPASSWD: /usr/bin/find /var/spool/postfix -printf %h\\\\\\\\n

# log: without it /var/log/mail.log cannot be read (Debian's group for logs)
usermod -aG adm monitor
# log: instead, where there is no such file: without it the journal cannot be read
usermod -aG systemd-journal monitor

# ~monitor/.ssh/authorized_keys on mail-va, one line; without it nothing is known
# but what shows from outside: instance and certificate
restrict,from="192.0.2.10" {KEY} mailvane

# Where a firewall guards port 22, one of these; without it nothing over SSH is known.
nft insert rule inet filter input ip saddr 192.0.2.10 tcp dport 22 accept
ufw prepend allow proto tcp from 192.0.2.10 to any port 22
"""


def _check(name: str, *rights: Right | None, applies: str | None = None) -> Check[None]:
    commands = tuple(ShellCommand(f"$as_root {name}", right) for right in rights)
    return Check(
        name=name,
        title=name.title(),
        ask=lambda _server, _before: commands,
        read=lambda _server, _answers, _before: None,
        judge=lambda _observation, _limits: (),
        applies=lambda _server: applies,
    )


@pytest.fixture
def fake(troubled: Any, server: Make, tmp_path: Path) -> Any:
    """A server whose key is known and whose checks need one right between them."""
    (tmp_path / "key.pub").write_text(f"{KEY} me@desk\n")
    reach = Ssh(host="192.0.2.25", user="monitor", key=tmp_path / "key")
    checks = (
        _check("queue", QUEUE),
        _check("disk", QUEUE, None),
        _check("log", None),
        _check("delivery", Right(("/bin/never",), ""), applies="no database"),
    )
    return replace(troubled, servers=(server(reach=reach),), checks=checks)


def test_the_whole_output(run: Make, fake: Any) -> None:
    """Every right once, with the checks that need it and what they lose; all but lines to install is comment."""
    ran = run(fake, "access", "--from", "192.0.2.10")
    assert (ran.stdout, ran.stderr, ran.exit_code) == (WHOLE, "", 0)


@pytest.mark.parametrize(
    ("only", "line"),
    [
        (
            "sudoers",
            "monitor ALL=(root) NOPASSWD: /usr/bin/find /var/spool/postfix -printf %h\\\\\\\\n",
        ),
        ("groups", "usermod -aG adm monitor"),
        ("authorized-keys", f'restrict,from="192.0.2.10" {KEY} mailvane'),
        ("firewall", "nft insert rule inet filter input ip saddr 192.0.2.10 tcp dport 22 accept"),
    ],
)
def test_one_part_can_be_piped(run: Make, fake: Any, only: str, line: str) -> None:
    """`--only` prints one part, in which nothing but comments surrounds what is to be installed."""
    ran = run(fake, "access", "--from", "192.0.2.10", "--only", only)
    bare = [told for told in ran.stdout.splitlines() if not told.startswith("#")]
    assert bare[0] == line
    assert "" not in bare


def test_a_check_that_is_off_needs_nothing(run: Make, fake: Any, server: Make) -> None:
    """No right is asked for a check that is switched off or does not apply."""
    off = server(reach=fake.servers[0].reach, checks_off=frozenset({"queue", "disk", "log"}))
    ran = run(replace(fake, servers=(off,)), "access")
    assert "NOPASSWD" not in ran.stdout
    assert "usermod" not in ran.stdout
    assert "# sudo: the checks of mail-va need nothing as root" in ran.stdout


def test_another_user_can_be_named(run: Make, fake: Any) -> None:
    """`--user` stands in every line."""
    ran = run(fake, "access", "--user", "watcher", "--only", "groups")
    assert "usermod -aG adm watcher" in ran.stdout


@pytest.mark.parametrize("name", ["root; reboot", "%wheel", "a\nb"])
def test_a_hostile_user_name_is_refused(run: Make, fake: Any, name: str) -> None:
    """A name that would change what a line means is an error and prints no line."""
    ran = run(fake, "access", "--user", name)
    assert (ran.stdout, ran.exit_code) == ("", 1)
    assert ran.stderr.startswith("expected a user name such as monitor, found ")


def test_a_key_that_is_missing_leaves_the_other_parts(run: Make, fake: Any, tmp_path: Path) -> None:
    """Without a key the reason stands where the line would, and the rest is there."""
    (tmp_path / "key.pub").unlink()
    ran = run(fake, "access", "--from", "192.0.2.10")
    assert f"# the key: {tmp_path}/key cannot be read: No such file or directory" in ran.stdout
    assert "NOPASSWD" in ran.stdout
    assert "restrict" not in ran.stdout


def test_a_jump_host_needs_a_line_too(run: Make, fake: Any, server: Make) -> None:
    """Behind a jump host the address is asked for, and the jump host gets a line of its own."""
    reach = replace(fake.servers[0].reach, jump="me@127.0.0.1:23")
    ran = run(replace(fake, servers=(server(reach=reach),)), "access", "--only", "authorized-keys")
    assert f'restrict,from="ADDRESS-OF-MAILVANE" {KEY} mailvane\n' in ran.stdout
    assert "# and on the jump host 127.0.0.1; without it mail-va cannot be reached\n" in ran.stdout
    assert f'permitopen="192.0.2.25:22",command="/bin/false" {KEY} mailvane\n' in ran.stdout


def test_the_machine_itself_needs_no_way_in(run: Make, fake: Any, server: Make) -> None:
    """A local server gets sudoers lines, but neither a key nor a firewall rule."""
    ran = run(replace(fake, servers=(server(reach=Local()),)), "access", "--user", "vane")
    assert "vane ALL=(root) NOPASSWD" in ran.stdout
    assert "# authorized_keys: mail-va is not reached over SSH" in ran.stdout
    assert "nft" not in ran.stdout


def test_several_servers_are_told_apart(run: Make, fake: Any, server: Make) -> None:
    """Each server has its own block, in the order of the configuration."""
    two = (fake.servers[0], server("mail-2", reach=fake.servers[0].reach))
    ran = run(replace(fake, servers=two), "access", "--from", "192.0.2.10")
    heads = [line for line in ran.stdout.splitlines() if "what monitor needs there" in line]
    assert [head.split()[1] for head in heads] == ["mail-va", "mail-2"]
