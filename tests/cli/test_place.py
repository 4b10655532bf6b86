"""What `user@host:port` means, and how the new server is called and written."""

from pathlib import Path

import pytest

from mailvane.cli.command import CannotGoOn
from mailvane.cli.place import Place, Wish, entry, hostname_of, name_of, place, reach, server
from mailvane.settings import append_server


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("monitor@mx1.example.com", Place("mx1.example.com", "monitor")),
        ("mx1", Place("mx1")),
        ("monitor@192.0.2.25:2222", Place("192.0.2.25", "monitor", 2222)),
        ("a.b-c_d@[2001:db8::25]:22", Place("2001:db8::25", "a.b-c_d", 22)),
        ("[::1]", Place("::1")),
        ("u@h:65535", Place("h", "u", 65535)),
    ],
)
def test_a_place_is_understood(text: str, found: Place) -> None:
    """User and port may be left to OpenSSH; IPv6 stands in brackets."""
    assert place(text) == found


@pytest.mark.parametrize(
    "text",
    [
        *("", "@host", "user@", "host:", "host:0", "host:65536", "host:22x", "2001:db8::25"),
        *("$(id)@host", "u@$(id)", "u@h;id", "u@-oProxyCommand=id", "-oProxyCommand=id", "u@a b"),
        *("u@h\n", "u@h/../x", "ssh://u@h", "u@@h", "u@[::1", "ü@h"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """What is no place, and above all what a shell or ssh could take for something else, is refused."""
    with pytest.raises(CannotGoOn, match="expected user@host"):
        place(text)


@pytest.mark.parametrize(
    ("at", "wish", "own", "hostname"),
    [
        (Place("mx1.example.com"), Wish(), "other.local", "mx1.example.com"),
        (Place("192.0.2.25"), Wish(), "mx1.test", "mx1.test"),
        (Place("::1"), Wish(), "MX1.test.", "mx1.test"),
        (Place("alias"), Wish(), "mx1.test", "mx1.test"),
        (Place("192.0.2.25"), Wish(hostname="mail.example.com"), "mx1.test", "mail.example.com"),
    ],
)
def test_the_hostname(at: Place, wish: Wish, own: str, hostname: str) -> None:
    """As told, else the name that was given, else what the server calls itself."""
    assert hostname_of(at, wish, own) == hostname


def test_a_server_without_any_name_needs_one() -> None:
    """An address whose machine knows no name of its own is asked for with the option to use."""
    with pytest.raises(CannotGoOn, match="--hostname"):
        hostname_of(Place("192.0.2.25"), Wish(), "")


@pytest.mark.parametrize(
    ("hostname", "name"), [("mx1.example.com", "mx1"), ("Mail_VA.example.com", "mail-va")]
)
def test_the_name_is_the_first_part(hostname: str, name: str) -> None:
    """Lower case, with dashes; `--name` wins."""
    assert name_of(Wish(), hostname) == name
    assert name_of(Wish(name="other"), hostname) == "other"


@pytest.mark.parametrize(
    ("at", "wish", "hostname", "text"),
    [
        (
            Place("192.0.2.25", "monitor", 2222),
            Wish(key=Path("/k/id"), jump="me@jump"),
            "mx1.test",
            (
                "servers:\n"
                "  - name: mx1\n"
                "    role: mail\n"
                "    hostname: mx1.test\n"
                "    address: 192.0.2.25\n"
                "    ssh: {user: monitor, port: 2222, key: /k/id, jump: me@jump}\n"
                "    services: [postfix]\n"
            ),
        ),
        (
            Place("alias"),
            Wish(role="api"),
            "mx1.test",
            (
                "servers:\n"
                "  - name: mx1\n"
                "    role: api\n"
                "    hostname: mx1.test\n"
                "    ssh: {host: alias}\n"
                "    services: [postfix]\n"
            ),
        ),
        (
            Place("mx1.test"),
            Wish(),
            "mx1.test",
            (
                "servers:\n"
                "  - name: mx1\n"
                "    role: mail\n"
                "    hostname: mx1.test\n"
                "    ssh: {}\n"
                "    services: [postfix]\n"
            ),
        ),
    ],
)
def test_the_entry(at: Place, wish: Wish, hostname: str, text: str) -> None:
    """Only what was given stands in the configuration; the rest stays with OpenSSH."""
    new = server("mx1", hostname, at, wish, reach(at, wish, ()))
    assert append_server("", entry(new, at, ("postfix",))) == text
