"""Host names, addresses, and how to reach and be reached."""

import ipaddress
import re
from urllib.parse import urlsplit

from mailvane.settings.shapes.base import Shape, matching, pattern_schema, patterned

HOSTNAME_LIMIT = 253
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = rf"{_LABEL}(?:\.{_LABEL})*"
_USER = r"[A-Za-z0-9_][A-Za-z0-9._@\\+-]{0,63}"
_ALIAS = "[A-Za-z0-9][A-Za-z0-9._-]{0,252}"
_HOP = rf"(?:{_USER}@)?(?:{_ALIAS}|\[[0-9A-Fa-f:.]{{2,45}}\])(?::[0-9]{{1,5}})?"
_name = matching(_NAME, HOSTNAME_LIMIT)


def hostname(text: str) -> str:
    """A name as RFC 1123 section 2.1 allows it, or an address; lower case."""
    if ":" in text or text[-1:].isdigit():
        return address(text)
    return _name(text).lower()


def address(text: str) -> str:
    """An IP address in its canonical form; without a scope, which may hold anything."""
    if "%" in text:
        raise ValueError
    return str(ipaddress.ip_address(text))


def network(text: str) -> str:
    """An IP network in its canonical form; an address is a network of one."""
    if "%" in text:
        raise ValueError
    return str(ipaddress.ip_network(text))


def listen(text: str) -> tuple[str, int]:
    """Address and port of `127.0.0.1:8025`, `[::1]:8025` or `localhost:8025`."""
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65_536:
        raise ValueError
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in host and bare == host:
        raise ValueError
    return hostname(bare), int(port)


def origin(text: str) -> str:
    """Scheme, host and port of a web page, as browsers send it; RFC 6454 section 6.1."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or parts.username is not None or not parts.hostname:
        raise ValueError
    if parts.path not in ("", "/") or parts.query or parts.fragment or text.endswith(("?", "#")):
        raise ValueError
    name, usual = hostname(parts.hostname), {"http": 80, "https": 443}[parts.scheme]
    host = f"[{name}]" if ":" in name else name
    port = "" if parts.port in (None, usual) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def https_or_path(text: str) -> str:
    """An https URL without a password, or a path."""
    if "://" in text:
        parts = urlsplit(text)
        if parts.scheme != "https" or not parts.hostname or parts.username is not None:
            raise ValueError
    if re.search(r"[\x00-\x20\x7f]", text) or not 0 < len(text) <= 1_024:
        raise ValueError
    return str(text)


HOSTNAME = Shape(
    "a host name such as mail.example.org (letters, digits, dashes and dots), or an IP address",
    hostname,
    pattern_schema(f"{_NAME}|[0-9A-Fa-f:.]+", HOSTNAME_LIMIT),
)
ADDRESS = Shape(
    "an IP address such as 192.0.2.10",
    address,
    {"anyOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}]},
)
NETWORK = Shape("an IP address, or a network such as 10.0.0.0/8 (zeros behind its prefix)", network)
SSH_HOST = patterned(
    "a host name, an IP address, or a Host of your OpenSSH configuration",
    f"{_ALIAS}|[0-9A-Fa-f:.]+",
)
SSH_USER = patterned("a user name on the server, such as mailvane", _USER)
JUMP = patterned(
    "a jump host as user@host:port, user and port as needed, several with commas between them",
    f"{_HOP}(?:,{_HOP}){{0,7}}",
    2_048,
)
LISTEN = Shape(
    "an address and a port, such as 127.0.0.1:8025", listen, pattern_schema(".+:[0-9]{1,5}", 260)
)
ORIGIN = Shape(
    "the origin of a web page, such as https://admin.example.com (no path, no *)",
    origin,
    pattern_schema("https?://[^/*?#]+/?", 300),
)
HTTPS_OR_PATH = Shape("an https URL or a path", https_or_path)
