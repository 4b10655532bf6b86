"""Where a request comes from, when proxies stand in between."""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOCAL = "local"
"""The name of a caller without an address, on a Unix socket."""
HOPS_MAX = 32


class Proxies:
    """The reverse proxies that are believed; with none of them, nothing in a header is."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks: Sequence[Network] = [
            ipaddress.ip_network(text, strict=False) for text in networks
        ]

    def client(self, scope: Mapping[str, Any]) -> str:
        """The caller's address: the rightmost hop that is not one of our proxies.

        What stands left of it was written by that hop and may be invented.
        """
        peer = _address((scope.get("client") or ("",))[0])
        if peer is None:
            return LOCAL
        for text in reversed(_hops(scope)):
            if not self._trusts(peer):
                break
            before = _address(text)
            if before is None:
                break
            peer = before
        return str(peer)

    def is_https(self, scope: Mapping[str, Any]) -> bool:
        """True when the caller speaks TLS, to us or to a proxy of ours."""
        peer = _address((scope.get("client") or ("",))[0])
        said = _values(scope, b"x-forwarded-proto")
        if said and peer is not None and self._trusts(peer):
            return said[-1].rpartition(",")[2].strip().lower() == "https"
        return scope.get("scheme") == "https"

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def bucket_key(address: str) -> str:
    """What attempts are counted by: an IPv4 address, or the /64 that one IPv6 customer has."""
    found = _address(address)
    if not isinstance(found, ipaddress.IPv6Address):
        return address
    return str(ipaddress.ip_network((found, 64), strict=False))


def _hops(scope: Mapping[str, Any]) -> list[str]:
    joined = ",".join(_values(scope, b"x-forwarded-for"))
    return joined.split(",")[-HOPS_MAX:] if joined else []


def _values(scope: Mapping[str, Any], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _address(text: str) -> Address | None:
    """The address in a text such as `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1` or `[2001:db8::1]:443`."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
