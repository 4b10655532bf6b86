"""How Mailvane gets to a server, as lines for its authorized_keys and its firewall."""

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from mailvane.cli.command import CannotGoOn
from mailvane.core.server import Ssh

SSH_PORT = 22
UNKNOWN = "ADDRESS-OF-MAILVANE"
"""Fails closed: no client has this address."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Origin:
    """The address that a server sees Mailvane come from."""

    address: str
    note: str = ""
    """What has to be known about it; empty when it was given."""

    @property
    def is_ipv6(self) -> bool:
        """True when an IPv6 rule is needed."""
        return ":" in self.address


def given(text: str) -> Origin:
    """The address or network of the command line; raises CannotGoOn when it is neither."""
    try:
        network = ipaddress.ip_network(text.replace("%", " %"))  # no interface: it is ours alone
    except ValueError as error:
        raise CannotGoOn(
            f"--from: expected an address or a network such as 192.0.2.10, found {text!r} ({error})"
        ) from error
    whole = network.num_addresses == 1
    return Origin(str(network.network_address) if whole else str(network))


def guessed(reach: Ssh) -> Origin:
    """This machine's address on the way to the server; unknown behind a jump host or a NAT."""
    if reach.jump:
        return Origin(UNKNOWN, f"give --from: the address that {reach.jump} connects from")
    ends = _ends(reach.host, reach.port or SSH_PORT)
    if ends is None:
        return Origin(UNKNOWN, f"give --from: there is no way to {reach.host} from here")
    mine, theirs = ends
    if mine.is_private and theirs.is_global:
        return Origin(UNKNOWN, f"give --from: this machine is {mine} behind an address translation")
    return Origin(str(mine), "this machine as seen on the way there; --from says otherwise")


def _ends(host: str, port: int) -> tuple[Address, Address] | None:
    """Both ends of a connection to there; nothing is sent."""
    try:
        for family, kind, *_, where in socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM):
            with socket.socket(family, kind) as way:
                way.connect(where)
                mine, theirs = way.getsockname()[0], way.getpeername()[0]
            return _address(mine), _address(theirs)
    except (OSError, ValueError):
        pass
    return None


def _address(text: str) -> Address:
    return ipaddress.ip_address(text.partition("%")[0])


def authorized_key(key: str, origin: Origin, comment: str) -> str:
    """The line that lets this key in from there and nothing but run commands."""
    return f'restrict,from="{origin.address}" {key} {comment}'


def jump_keys(key: str, reach: Ssh, comment: str) -> Iterable[tuple[str, str]]:
    """Jump host -> the line for it: this key may open the way to the next machine and nothing else.

    The first one knows us by our own address, each other one by that of the one before.
    """
    from mailvane.transports.plan import jump_reach

    hop = reach
    while hop.jump:
        before = jump_reach(hop, hop.jump)
        end = f"[{hop.host}]" if ":" in hop.host else hop.host
        allowed = f'port-forwarding,permitopen="{end}:{hop.port or SSH_PORT}",command="/bin/false"'
        address = guessed(before).address
        yield before.host, f'restrict,from="{address}",{allowed} {key} {comment}'
        hop = before


def firewall(origin: Origin, port: int) -> Iterable[str]:
    """The rules that let it in, for nftables and for ufw; one of them is enough."""
    family = "ip6" if origin.is_ipv6 else "ip"
    yield f"nft insert rule inet filter input {family} saddr {origin.address} tcp dport {port} accept"
    yield f"ufw prepend allow proto tcp from {origin.address} to any port {port}"
