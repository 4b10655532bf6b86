"""Files that are named are looked at."""

from pathlib import Path
from typing import Any

import pytest

KEY = "servers: [{name: a, hostname: a, ssh: {key: id}}]"


@pytest.mark.parametrize(("mode", "count"), [(0o600, 0), (0o400, 0), (0o640, 1), (0o604, 1)])
def test_a_private_key_is_private(doubts: Any, tmp_path: Path, mode: int, count: int) -> None:
    """One that others may read is a doubt with the command that closes it."""
    (tmp_path / "id").touch()
    (tmp_path / "id").chmod(mode)
    assert (
        doubts(KEY)
        == ["1: servers[0].ssh.key: others may read this private key; `chmod 600 /id`"] * count
    )


def test_what_is_not_there_is_a_doubt(doubts: Any) -> None:
    """Each file once, where it is named first; it may come before Mailvane is started."""
    found = doubts("""\
        defaults: {ssh: {key: id, known_hosts: [pins], config_files: [conf]}}
        servers:
          - {name: a, hostname: a, ssh: {key: id}, certificate: {ca_file: ca.pem}}
          - {name: b, hostname: b, recorded: answers}
        auth: {platform: {jwks: keys.json, ca_file: id.pem}}
    """)
    assert [warning.partition(": No such")[0] for warning in found] == [
        "1: defaults.ssh.config_files[0]: cannot see /conf",
        "1: defaults.ssh.key: cannot see /id",
        "1: defaults.ssh.known_hosts[0]: cannot see /pins",
        "3: servers[0].certificate.ca_file: cannot see /ca.pem",
        "4: servers[1].recorded: cannot see /answers",
        "5: auth.platform.ca_file: cannot see /id.pem",
        "5: auth.platform.jwks: cannot see /keys.json",
    ]


def test_an_address_of_keys_is_no_file(doubts: Any) -> None:
    """Nothing is asked of the network."""
    assert doubts("auth: {platform: {jwks: https://id.example.com/keys}}") == []
