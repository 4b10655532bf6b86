"""`servers` and `defaults`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mailvane.core.request import StartTls
from mailvane.settings.model.base import Section
from mailvane.settings.model.delivery import DeliverySection
from mailvane.settings.model.limits import LimitTable
from mailvane.settings.shapes.base import OR_OFF
from mailvane.settings.shapes.network import ADDRESS, HOSTNAME, JUMP, SSH_HOST, SSH_USER
from mailvane.settings.shapes.number import PORT, YES_NO, duration
from mailvane.settings.shapes.text import (
    ABSOLUTE,
    INSTANCE,
    NAME,
    PATH,
    SERVICE,
    UNIT,
    WORD,
    one_of,
)


class SshSection(Section):
    """How a server is reached over SSH; what is not given is left to your OpenSSH configuration."""

    user: Annotated[str, SSH_USER] | None = Field(
        default=None, description="The user to log in as."
    )
    key: Annotated[str, PATH] | None = Field(
        default=None,
        description="The file of the private key; nobody else may read it (mode 0600).",
    )
    port: Annotated[int, PORT] | None = Field(
        default=None, description="The port of the SSH server."
    )
    host: Annotated[str, SSH_HOST] | None = Field(
        default=None,
        description="What to connect to when it is neither the server's `address` nor its "
        "`hostname`, such as a Host of your OpenSSH configuration.",
    )
    jump: Annotated[str, JUMP] | None = Field(
        default=None,
        description="Jump hosts, the first to be reached first; their host keys are verified as well.",
    )
    config_files: list[Annotated[str, PATH]] = Field(
        default=[], description="OpenSSH configuration files to use instead of `~/.ssh/config`."
    )
    known_hosts: list[Annotated[str, PATH]] = Field(
        default=[],
        description="Files of pinned host keys to use beside Mailvane's own (in its state folder, "
        "always asked first); default: `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts`.",
    )
    connect_timeout: Annotated[float, duration("1s", "60s")] = Field(
        default=8.0, description="How long connecting may take."
    )


class InstanceSection(Section):
    """The machine at its cloud."""

    provider: Annotated[Literal["aws-ec2"], one_of(["aws-ec2"])] = Field(
        default="aws-ec2", description="Whose machine it is."
    )
    id: Annotated[str, INSTANCE] = Field(description="The machine's id there.")


class ServiceSection(Section):
    """A service that should run; a bare name is enough."""

    short_for: ClassVar[str] = "name"
    short_schema: ClassVar[dict[str, object]] = {"title": "a name", "type": "string"}

    name: Annotated[str, SERVICE] = Field(
        description="postfix, opendkim, dovecot, or any other systemd unit."
    )
    critical: Annotated[bool, YES_NO] = Field(
        default=False,
        description="When true, this service down makes the server unhealthy, "
        "whatever the others do.",
    )
    ports: list[Annotated[int, PORT]] | None = Field(
        default=None,
        description="Ports of which one must listen; default: those that belong to the service; "
        "an empty list: none.",
    )
    unit: Annotated[str, UNIT] | None = Field(
        default=None, description="The systemd unit, when it is not the usual one."
    )


class CertificatePortSection(Section):
    """A port whose certificate is watched; a bare number is enough."""

    short_for: ClassVar[str] = "port"
    short_schema: ClassVar[dict[str, object]] = {
        "title": "a port",
        "type": "integer",
        "minimum": 1,
        "maximum": 65_535,
    }

    port: Annotated[int, PORT] = Field(description="The port.")
    starttls: Annotated[StartTls, one_of(StartTls)] | None = Field(
        default=None,
        description="How TLS begins there; default: by the port's number "
        "(465, 993 and 995 begin with it).",
    )


class CertificateSection(Section):
    """The certificates that are watched."""

    ports: list[CertificatePortSection] | None = Field(
        default=None, description="The ports; default: the submission port."
    )
    ca_file: Annotated[str, PATH] | None = Field(
        default=None, description="Trusted roots beside the system's own, as a PEM file."
    )
    every: Annotated[float, duration("1s", "1d")] = Field(
        default=300.0,
        description="How often each port is asked; in between its dates are judged as time goes on. "
        "Each question is a connection in the server's log.",
    )


class ServerLogSection(Section):
    """The server's mail log."""

    files: list[Annotated[str, ABSOLUTE]] | None = Field(
        default=None,
        description="The log's files on the server; default: the first of the usual places "
        "that is there, else the journal.",
    )


class DiskSection(Section):
    """The file systems that are watched."""

    paths: list[Annotated[str, ABSOLUTE]] = Field(
        default=["/", "/var/spool/postfix", "/var/log"],
        description="Paths on the server; each file system is judged once.",
    )


class ChecksOffSection(Section):
    """Which checks are asked."""

    off: list[Annotated[str, NAME]] = Field(
        default=[], description="Checks that are not asked here."
    )


class IdentitySection(Section):
    """What only one server can have."""

    name: Annotated[str, NAME] = Field(
        description="Short and permanent: what is remembered about the server hangs on it."
    )
    hostname: Annotated[str, HOSTNAME] = Field(
        description="The name that the world knows it by; its certificates are verified against it."
    )
    address: Annotated[str, ADDRESS] | None = Field(
        default=None, description="Its address; default: what `hostname` resolves to."
    )
    private_address: Annotated[str, ADDRESS] | None = Field(
        default=None, description="Its address within the private network, for display."
    )
    instance: InstanceSection | None = Field(default=None, description="The machine at its cloud.")


class CommonSection(Section):
    """What servers may have in common."""

    may_be_empty: ClassVar[frozenset[str]] = frozenset({"ssh"})

    role: Annotated[str, WORD] = Field(
        default="mail",
        description="mail, api, freeswitch, or any other word; the mail checks are asked of mail servers.",
    )
    region: Annotated[str, WORD] | None = Field(
        default=None, description="The region it stands in; see `regions`."
    )
    zone: Annotated[str, WORD] | None = Field(
        default=None, description="The availability zone it stands in."
    )
    ssh: SshSection | None = Field(
        default=None, description="Reach it over SSH; may be empty when OpenSSH knows the rest."
    )
    transport: Annotated[Literal["local"], one_of(["local"])] | None = Field(
        default=None, description="`local`: it is the machine that Mailvane runs on."
    )
    recorded: Annotated[str, PATH] | None = Field(
        default=None, description="A folder of captured answers to replay, for trying things out."
    )
    services: list[ServiceSection] | None = Field(
        default=None,
        description="The services that should run; default: those that are found installed.",
    )
    submission_port: Annotated[int | None, PORT, OR_OFF] = Field(
        default=587, description="Where mail clients hand in their mail."
    )
    certificate: CertificateSection = Field(
        default_factory=CertificateSection, description="The certificates that are watched."
    )
    log: ServerLogSection = Field(
        default_factory=ServerLogSection, description="The server's mail log."
    )
    disk: DiskSection = Field(
        default_factory=DiskSection, description="The file systems that are watched."
    )
    delivery: Annotated[DeliverySection | None, OR_OFF] = Field(
        default=None,
        description="What differs from the `delivery` of the whole configuration; "
        "`off` for a server that sends none of the application's mail.",
    )
    limits: LimitTable = Field(
        default={},
        description="From where its numbers are degraded and from where unhealthy; see `limits`.",
    )
    checks: ChecksOffSection = Field(
        default_factory=ChecksOffSection, description="Which checks are asked."
    )


class ServerSection(CommonSection, IdentitySection):
    """A watched server. One of `ssh`, `transport` and `recorded` says how it is reached."""

    stand_ins: ClassVar[dict[str, str]] = {"name": "unnamed", "hostname": "localhost"}


class DefaultsSection(CommonSection):
    """What holds for every server that says nothing else; lists are replaced, mappings merged."""
