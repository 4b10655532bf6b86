"""What a certificate says, in the words of TlsPeer."""

import ipaddress
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

NAMES = 100
"""More names than this are not shown; all are compared."""
_TEXT = 300


@dataclass(frozen=True, slots=True)
class Certificate:
    """The facts of one certificate."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    serial: str
    not_before: datetime
    not_after: datetime
    sha256: str

    def covers(self, moment: datetime) -> bool:
        """True within its dates."""
        return self.not_before <= moment <= self.not_after

    def is_for(self, name: str) -> bool:
        """True when a client that wants to talk to `name` accepts it (RFC 9525): names only, no subject."""
        return any(_matches(pattern, name) for pattern in self.names)


def certificate(der: bytes) -> Certificate:
    """The certificate in these bytes. Raises ValueError."""
    try:
        found = x509.load_der_x509_certificate(der)
        return Certificate(
            subject=found.subject.rfc4514_string()[:_TEXT],
            issuer=found.issuer.rfc4514_string()[:_TEXT],
            names=_names(found),
            serial=f"{found.serial_number:x}",
            not_before=found.not_valid_before_utc,
            not_after=found.not_valid_after_utc,
            sha256=found.fingerprint(SHA256()).hex(),
        )
    except (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ValueError(str(error)) from error


def _names(found: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    names = extension.value.get_values_for_type(x509.DNSName)
    addresses = extension.value.get_values_for_type(x509.IPAddress)
    return (*names, *map(str, addresses))


def _matches(pattern: str, name: str) -> bool:
    """A wildcard stands for the whole first label and nothing else; an address only for itself."""
    with suppress(ValueError):
        wanted = ipaddress.ip_address(name)
        with suppress(ValueError):
            return ipaddress.ip_address(pattern) == wanted
        return False
    pattern, name = pattern.rstrip(".").lower(), _ascii(name.rstrip(".")).lower()
    if not pattern.startswith("*."):
        return pattern == name
    label, _, rest = name.partition(".")
    return bool(label) and "." in rest and rest == pattern[2:]


def _ascii(name: str) -> str:
    """A name with letters of any script as DNS carries it."""
    try:
        return name.encode("idna").decode()
    except UnicodeError:
        return name
