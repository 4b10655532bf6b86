"""Where a request comes from, when proxies stand in between and when somebody pretends."""

from typing import Any

import pytest

from mailvane.api.address import LOCAL, Proxies, bucket_key

PROXIES = Proxies(["10.0.0.0/8", "2001:db8:1::/48"])


def _scope(peer: str | None, *forwarded: str, proto: str | None = None) -> dict[str, Any]:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    if proto is not None:
        headers.append((b"x-forwarded-proto", proto.encode()))
    client = None if peer is None else (peer, 40000)
    return {"client": client, "headers": headers, "scheme": "http"}


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.9", [], "192.0.2.9"),
        ("192.0.2.9", ["198.51.100.1"], "192.0.2.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.7, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.7", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("2001:db8:1::5", ["198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, garbage"], "10.0.0.1"),
        ("10.0.0.1", ["\xff\x00, "], "10.0.0.1"),
        (None, ["198.51.100.1"], LOCAL),
    ],
)
def test_the_rightmost_hop_that_is_not_ours_is_the_caller(
    peer: str | None, forwarded: list[str], client: str
) -> None:
    """Only what our proxies wrote is believed; what stands left of it may be invented."""
    assert PROXIES.client(_scope(peer, *forwarded)) == client


def test_without_proxies_no_header_is_believed() -> None:
    """The default: the peer is the caller, and plain http stays plain."""
    scope = _scope("127.0.0.1", "198.51.100.1", proto="https")
    assert Proxies([]).client(scope) == "127.0.0.1"
    assert not Proxies([]).is_https(scope)


def test_a_very_long_chain_is_read_from_its_end() -> None:
    """Ten thousand hops cost no more than the last few."""
    chain = ", ".join(["203.0.113.7"] * 10_000 + ["10.0.0.2"] * 2)
    assert PROXIES.client(_scope("10.0.0.1", chain)) == "203.0.113.7"


@pytest.mark.parametrize(
    ("peer", "proto", "https"),
    [
        ("10.0.0.1", "https", True),
        ("10.0.0.1", "http", False),
        ("10.0.0.1", "http, https", True),
        ("192.0.2.9", "https", False),
        ("10.0.0.1", None, False),
    ],
)
def test_https_is_what_our_proxy_says(peer: str, proto: str | None, *, https: bool) -> None:
    """X-Forwarded-Proto counts from our proxies only."""
    assert PROXIES.is_https(_scope(peer, proto=proto)) is https


def test_https_to_ourselves_is_https() -> None:
    """Without a proxy the connection itself says it."""
    assert PROXIES.is_https({**_scope("192.0.2.9"), "scheme": "https"})


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.9", "192.0.2.9"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        (LOCAL, LOCAL),
    ],
)
def test_attempts_of_one_ipv6_customer_are_counted_together(address: str, key: str) -> None:
    """Whoever has a /64 has one bucket, not 2^64."""
    assert bucket_key(address) == key
