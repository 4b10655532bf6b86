"""Host names, addresses and origins: what is taken, and in which form."""

from typing import Any

import pytest

from mailvane.settings.shapes.base import Shape, Unfit
from mailvane.settings.shapes.network import (
    ADDRESS,
    HOSTNAME,
    HTTPS_OR_PATH,
    JUMP,
    LISTEN,
    NETWORK,
    ORIGIN,
    SSH_HOST,
    SSH_USER,
)

LABEL = "a" * 63
HOSTILE = [
    "",
    " ",
    "a b",
    "a;reboot",
    "$(reboot)",
    "`reboot`",
    "a|b",
    "a&b",
    "a>b",
    "a'b",
    'a"b',
    "a\nb",
    "a\0b",
    "-oProxyCommand=reboot",
    "-a",
    "fe80::1%$(reboot)",
    "é.example.org",
]


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("mail.example.org", "mail.example.org"),
        ("MAIL.Example.org", "mail.example.org"),
        ("3com.example", "3com.example"),
        ("localhost", "localhost"),
        (LABEL, LABEL),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
    ],
)
def test_host_names_are_those_of_rfc_1123(written: str, means: str) -> None:
    """Letters, digits, inner dashes, labels of at most 63; an address will do as well."""
    assert HOSTNAME.take(written) == means


@pytest.mark.parametrize(
    "written",
    [
        *HOSTILE,
        LABEL + "a",
        ".".join([LABEL] * 4),
        "a..b",
        ".a",
        "a.",
        "a-",
        "a_b",
        "192.0.2.256",
        "1.2.3",
        "::1%1",
    ],
)
def test_what_is_no_host_name_is_refused(written: str) -> None:
    """Nothing that a shell, an option parser or a resolver could take for something else."""
    with pytest.raises(Unfit, match="expected a host name such as"):
        HOSTNAME.take(written)


@pytest.mark.parametrize("shape", [ADDRESS, NETWORK, SSH_HOST, SSH_USER, JUMP, LISTEN, ORIGIN])
@pytest.mark.parametrize("written", HOSTILE)
def test_hostile_texts_fit_nowhere(shape: Shape, written: str) -> None:
    """The same texts are refused wherever something of the network is named."""
    with pytest.raises(Unfit, match=r"^expected "):
        shape.take(written)


@pytest.mark.parametrize(
    ("shape", "written", "means"),
    [
        (ADDRESS, "192.0.2.1", "192.0.2.1"),
        (ADDRESS, "2001:DB8:0::1", "2001:db8::1"),
        (NETWORK, "10.0.0.0/8", "10.0.0.0/8"),
        (NETWORK, "192.0.2.1", "192.0.2.1/32"),
        (SSH_HOST, "my_alias", "my_alias"),
        (SSH_HOST, "::1", "::1"),
        (SSH_USER, "mail.vane", "mail.vane"),
        (JUMP, "jump", "jump"),
        (JUMP, "me@jump.example.org:2222", "me@jump.example.org:2222"),
        (JUMP, "me@one,[2001:db8::1]:22,three:22", "me@one,[2001:db8::1]:22,three:22"),
        (LISTEN, "127.0.0.1:8025", ("127.0.0.1", 8025)),
        (LISTEN, "[::1]:80", ("::1", 80)),
        (LISTEN, "localhost:65535", ("localhost", 65535)),
        (ORIGIN, "https://admin.example.com", "https://admin.example.com"),
        (ORIGIN, "HTTP://Admin.Example.com:8080/", "http://admin.example.com:8080"),
        (ORIGIN, "https://a:443", "https://a"),
        (ORIGIN, "http://[::1]:3000", "http://[::1]:3000"),
        (HTTPS_OR_PATH, "https://id.example.com/keys", "https://id.example.com/keys"),
        (HTTPS_OR_PATH, "keys.json", "keys.json"),
    ],
)
def test_what_fits_has_one_form(shape: Shape, written: str, means: Any) -> None:
    """Canonical addresses, origins as browsers send them."""
    assert shape.take(written) == means


@pytest.mark.parametrize(
    ("shape", "written"),
    [
        (ADDRESS, "mail.example.org"),
        (ADDRESS, "192.0.2.01"),
        (NETWORK, "10.0.0.1/8"),
        (NETWORK, "fe80::%x/64"),
        (JUMP, "a,,b"),
        (JUMP, "a,-b"),
        (JUMP, "a:22:22"),
        (JUMP, ",".join("a" * 9)),
        (LISTEN, "8025"),
        (LISTEN, ":8025"),
        (LISTEN, "::1:8025"),
        (LISTEN, "127.0.0.1:0"),
        (LISTEN, "127.0.0.1:65536"),
        (LISTEN, "127.0.0.1:٣"),
        (ORIGIN, "*"),
        (ORIGIN, "null"),
        (ORIGIN, "admin.example.com"),
        (ORIGIN, "https://admin.example.com/path"),
        (ORIGIN, "https://admin.example.com?"),
        (ORIGIN, "https://*.example.com"),
        (ORIGIN, "https://me@admin.example.com"),
        (ORIGIN, "http://[::1"),
        (ORIGIN, "ftp://example.com"),
        (HTTPS_OR_PATH, "http://id.example.com/keys"),
        (HTTPS_OR_PATH, "https://me:pw@id.example.com/keys"),
        (HTTPS_OR_PATH, ""),
    ],
)
def test_what_does_not_fit_is_refused(shape: Shape, written: str) -> None:
    """With what was expected."""
    with pytest.raises(Unfit, match=r"^expected "):
        shape.take(written)
