"""A watched machine, and how it is reached."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mailvane.core.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """Reached over SSH; what is None is left to the user's OpenSSH configuration."""

    host: str
    port: int | None = None
    user: str | None = None
    key: Path | None = None
    jump: str | None = None
    """A jump host as `user@host:port`."""
    known_hosts: tuple[Path, ...] = ()
    """Files of pinned host keys, Mailvane's own first."""
    config_files: tuple[Path, ...] = ()
    connect_timeout_seconds: float = 8.0


@dataclass(frozen=True, slots=True)
class Local:
    """The machine that Mailvane runs on."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Captured answers, replayed from a folder."""

    folder: Path


Reach = Ssh | Local | Recorded


@dataclass(frozen=True, slots=True)
class Service:
    """A service that should run."""

    name: str
    """postfix, opendkim, dovecot, or any systemd unit."""
    critical: bool = False
    """True: this one down makes the server unhealthy, whatever the others do."""
    ports: tuple[int, ...] | None = None
    """Ports of which one must listen; None: those that the check knows for it; empty: none."""
    unit: str | None = None
    """The systemd unit when it is not the one that the check knows."""


@dataclass(frozen=True, slots=True)
class MailPort:
    """A port whose certificate is watched."""

    port: int
    starttls: str | None = None
    """smtp, imap, pop3 or implicit; None: by the port's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLog:
    """Where the application writes what became of its mails."""

    database: Secret
    table: str = "email_logs"
    provider: str | None = None
    provider_column: str = "provider"
    status_column: str = "status"
    time_column: str = "created_at"
    sent: tuple[str, ...] = ("sent", "delivered")
    failed: tuple[str, ...] = ("failed",)
    bounced: tuple[str, ...] = ("bounced",)
    pending: tuple[str, ...] = ("pending", "queued")
    min_messages: int = 20
    """Below this many a rate is no alarm."""

    @property
    def is_sqlite(self) -> bool:
        """True for `sqlite:///path`; else it is a PostgreSQL."""
        return self.database.reveal().startswith("sqlite:")


@dataclass(frozen=True, slots=True)
class CustomCheck:
    """A check written in a few lines of YAML."""

    name: str
    command: str
    title: str = ""
    expect: str | None = None
    """A regular expression that the whole output must match; None when a number is expected."""
    degraded: float | None = None
    unhealthy: float | None = None
    falling: bool = False
    """True when less is worse."""
    unit: str = ""
    otherwise: str = "unhealthy"
    """The status when `expect` does not match: degraded or unhealthy."""
    runbook: str = ""
    timeout_seconds: float = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One watched machine."""

    name: str
    """Short and permanent; the key of everything that is remembered about it."""
    role: str = "mail"
    """mail, api, freeswitch, or any other word."""
    hostname: str
    """The name that the world knows it by; certificates are verified against it."""
    reach: Reach
    address: str | None = None
    """Where network questions go; None: `hostname`."""
    private_address: str | None = None
    region: str | None = None
    zone: str | None = None
    instance_id: str | None = None
    services: tuple[Service, ...] | None = None
    """None: those that are found installed; none is missed that was never asked for."""
    submission_port: int | None = 587
    certificate_ports: tuple[MailPort, ...] | None = None
    """None: the submission port."""
    ca_file: Path | None = None
    """Trusted roots beside the system's own."""
    certificate_every_seconds: float = 300.0
    """How often a certificate is asked for; between, its dates are judged as time goes on."""
    log_files: tuple[str, ...] | None = None
    """None: the first of the usual places that exists, else the journal."""
    disk_paths: tuple[str, ...] = ("/", "/var/spool/postfix", "/var/log")
    delivery: DeliveryLog | None = None
    limits: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    """check -> threshold -> {degraded, unhealthy}."""
    checks_off: frozenset[str] = frozenset()
    custom_checks: tuple[CustomCheck, ...] = ()

    @property
    def is_mail(self) -> bool:
        """True when the mail checks apply."""
        return self.role == "mail"

    @property
    def outside(self) -> str:
        """The address that network questions go to."""
        return self.address or self.hostname
