"""Questions as values: what a check wants to know, not how it is fetched.

Equal requests are sent once per sweep.
A request with `keep_seconds` above zero is not asked again while its last answer is younger than that.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from mailvane.core.secret import Secret

A_co = TypeVar("A_co", covariant=True)


class Request(Generic[A_co]):
    """A question whose answer is of type A_co."""

    __slots__ = ()
    keep_seconds: float
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class ShellOutput:
    """What a shell command left behind."""

    status: int
    """Exit status, 0 to 255."""
    output: bytes
    error: bytes
    truncated: bool = False
    """True when output or error went over the limit and the rest was dropped."""


@dataclass(frozen=True, slots=True)
class Right:
    """A command that needs root, as sudo will be asked for it: absolute path, exact arguments."""

    argv: tuple[str, ...]
    loses: str
    """What is lost without it, as an end of the sentence "without it …"."""


@dataclass(frozen=True, slots=True)
class ShellCommand(Request[ShellOutput]):
    """A POSIX sh script for the server itself.

    With a `right`, `$as_root` in the script is what makes that one command run as root: empty when we
    are root, `sudo -n` when the right is granted. It must stand before exactly the right's words.
    A right that is not granted makes the whole command Unanswered(not_permitted) without asking it.
    """

    script: str
    right: Right | None = None
    timeout_seconds: float = 8.0
    output_limit_bytes: int = 262_144
    keep_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TcpReach:
    """Who accepted a connection."""

    address: str
    port: int
    """0: the machine that we run on, reached without a connection."""
    seconds: float | None
    """Time to connect; None when an open connection showed it."""
    refused: tuple[str, ...] = ()
    """What was tried before and did not answer, as sentences."""


@dataclass(frozen=True, slots=True)
class TcpConnect(Request[TcpReach]):
    """Does the machine accept a connection on the port it is reached by, or else on one of `ports`?"""

    address: str
    ports: tuple[int, ...]
    timeout_seconds: float = 5.0
    keep_seconds: float = 0.0


class StartTls(StrEnum):
    """How a port comes to speak TLS."""

    IMPLICIT = "implicit"
    SMTP = "smtp"
    IMAP = "imap"
    POP3 = "pop3"


@dataclass(frozen=True, slots=True)
class TlsPeer:
    """What a TLS handshake showed of the other side."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    """DNS names and addresses that the certificate is for."""
    serial: str
    not_before: datetime
    not_after: datetime
    protocol: str
    trusted: bool
    """True when the chain leads to a trusted root; dates and names apart."""
    trust_error: str | None
    """The verifier's words when it is not."""
    name_matches: bool
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class TlsHandshake(Request[TlsPeer]):
    """The certificate that a port serves, verified as a client would; ends with QUIT or LOGOUT."""

    address: str
    port: int
    name: str
    """The name to verify and to send as SNI."""
    starttls: StartTls
    ca_file: str | None = None
    timeout_seconds: float = 15.0
    keep_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class SqlQuery(Request[tuple[dict[str, Any], ...]]):
    """Rows of a database; values go as parameters, never into the text.

    `parameters` are named; the text refers to them as `:name`.
    """

    database: Secret
    """A URL: postgresql://… or sqlite:///path."""
    text: str
    parameters: tuple[tuple[str, str | int | float | datetime], ...] = ()
    timeout_seconds: float = 10.0
    keep_seconds: float = 25.0
