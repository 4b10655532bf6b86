"""authorized_keys and firewall lines."""

import subprocess
from pathlib import Path

import asyncssh
import pytest

from mailvane.cli.command import CannotGoOn
from mailvane.cli.way_in import UNKNOWN, Origin, authorized_key, firewall, given, guessed, jump_keys
from mailvane.core.server import Ssh

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZ0Zm9vYmFyYmF6cXV4cXV1eGNvcmdlZ3JhdWx0Z2Fy"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.10", "192.0.2.10"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("2001:DB8::1", "2001:db8::1"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("192.0.2.10/32", "192.0.2.10"),
    ],
)
def test_an_address_or_a_network_can_be_given(text: str, address: str) -> None:
    """Both families, with and without a length."""
    assert given(text) == Origin(address)


@pytest.mark.parametrize(
    "text", ["", "monitor.example.com", "192.0.2.10/24", '1.2.3.4" ', "*", "::1%eth0\n"]
)
def test_anything_else_is_refused(text: str) -> None:
    """Names, patterns and a network with host bits make no line."""
    with pytest.raises(CannotGoOn, match="--from: expected an address"):
        given(text)


def test_the_own_address_is_guessed_from_the_route() -> None:
    """On the way to this machine itself that is its own address, and the guess is said to be one."""
    origin = guessed(Ssh(host="127.0.0.1"))
    assert origin.address == "127.0.0.1"
    assert "--from" in origin.note


@pytest.mark.parametrize(
    "reach", [Ssh(host="nowhere.invalid"), Ssh(host="192.0.2.1", jump="me@jump.example.com:22")]
)
def test_an_address_that_cannot_be_known_lets_nobody_in(reach: Ssh) -> None:
    """Behind a jump host or without a way there the line holds no address, and says to give one."""
    origin = guessed(reach)
    assert origin.address == UNKNOWN
    assert origin.note.startswith("give --from")


def test_the_key_may_only_run_commands_and_only_from_there() -> None:
    """`restrict` takes all forwarding and terminals away, `from=` every other address."""
    line = authorized_key(KEY, Origin("192.0.2.10"), "mailvane")
    assert line == f'restrict,from="192.0.2.10" {KEY} mailvane'
    assert asyncssh.import_authorized_keys(line)


def test_jump_hosts_let_it_through_to_the_next_machine_only() -> None:
    """On each jump host the key opens a way to one port and runs nothing, from where it comes."""
    reach = Ssh(host="2001:db8::25", port=2222, jump="me@127.0.0.1:23,next.test")
    last, first = jump_keys(KEY, reach, "mailvane")
    assert last == (
        "next.test",
        (
            'restrict,from="ADDRESS-OF-MAILVANE",port-forwarding,permitopen="[2001:db8::25]:2222",'
            f'command="/bin/false" {KEY} mailvane'
        ),
    )
    assert first == (
        "127.0.0.1",
        (
            'restrict,from="127.0.0.1",port-forwarding,permitopen="next.test:22",'
            f'command="/bin/false" {KEY} mailvane'
        ),
    )
    assert asyncssh.import_authorized_keys("\n".join(line for _, line in (first, last)))


@pytest.mark.parametrize("line", [authorized_key(KEY, Origin("192.0.2.10"), "m")])
def test_openssh_reads_the_line(tmp_path: Path, line: str) -> None:
    """ssh-keygen finds one key in it, with its comment."""
    file = tmp_path / "authorized_keys"
    file.write_text(line + "\n")
    done = subprocess.run(
        ["ssh-keygen", "-lf", str(file)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split()[-1]) == (0, "(ED25519)"), done.stderr


def test_firewall_rules_by_family() -> None:
    """IPv4 and IPv6 have their own words in nftables; both rules come before one that refuses."""
    assert list(firewall(Origin("192.0.2.10"), 22)) == [
        "nft insert rule inet filter input ip saddr 192.0.2.10 tcp dport 22 accept",
        "ufw prepend allow proto tcp from 192.0.2.10 to any port 22",
    ]
    assert next(iter(firewall(Origin("2001:db8::/64"), 2222))) == (
        "nft insert rule inet filter input ip6 saddr 2001:db8::/64 tcp dport 2222 accept"
    )
