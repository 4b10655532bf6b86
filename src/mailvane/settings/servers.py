"""Servers as values, from their sections, the defaults and what holds for all."""

from collections.abc import Sequence
from pathlib import Path

from mailvane.core.secret import Secret
from mailvane.core.server import (
    CustomCheck,
    DeliveryLog,
    Local,
    MailPort,
    Reach,
    Recorded,
    Server,
    Service,
    Ssh,
)
from mailvane.settings.files import Files
from mailvane.settings.layers import delivery_of, merged, server_over
from mailvane.settings.model.custom import CustomCheckSection
from mailvane.settings.model.delivery import DeliverySection
from mailvane.settings.model.limits import LimitTable
from mailvane.settings.model.root import RootSection
from mailvane.settings.model.server import ServerSection, ServiceSection, SshSection

USUAL_KNOWN_HOSTS = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")
"""Where OpenSSH itself looks (ssh_config(5), UserKnownHostsFile and GlobalKnownHostsFile)."""
_SQLITE = "sqlite:///"

Limits = dict[str, dict[str, dict[str, float]]]


def pinned_keys(state: Path) -> Path:
    """The file of host keys that Mailvane itself has pinned."""
    return state / "known_hosts"


class ServerBuilder:
    """Builds servers; what they have in common is built once."""

    def __init__(
        self,
        root: RootSection,
        checks: Sequence[tuple[CustomCheckSection, CustomCheck]],
        files: Files,
        state: Path,
    ) -> None:
        self._root = root
        self._checks = checks
        self._files = files
        self._pinned = pinned_keys(state)
        self._known_hosts: dict[tuple[str, ...], tuple[Path, ...]] = {}
        self._delivery = _delivery(root.delivery, files)
        self._limits = _limits(root.limits)

    def build(self, section: ServerSection) -> Server:
        """The server that the section stands for."""
        said = server_over(self._root.defaults, section)
        certificate = said.certificate
        return Server(
            name=said.name,
            role=said.role,
            hostname=said.hostname,
            reach=self._reach(said),
            address=said.address,
            private_address=said.private_address,
            region=said.region,
            zone=said.zone,
            instance_id=said.instance.id if said.instance else None,
            services=None if said.services is None else tuple(map(_service, said.services)),
            submission_port=said.submission_port,
            certificate_ports=None
            if certificate.ports is None
            else tuple(MailPort(port.port, port.starttls) for port in certificate.ports),
            ca_file=self._files.find(certificate.ca_file) if certificate.ca_file else None,
            certificate_every_seconds=certificate.every,
            log_files=None if said.log.files is None else tuple(said.log.files),
            disk_paths=tuple(said.disk.paths),
            delivery=self._delivery_of(said),
            limits=self._limits_of(said),
            checks_off=frozenset(said.checks.off),
            custom_checks=self._asked_of(said),
        )

    def _reach(self, said: ServerSection) -> Reach:
        if said.transport is not None:
            return Local()
        if said.recorded is not None:
            return Recorded(self._files.find(said.recorded))
        ssh = said.ssh or SshSection()
        return Ssh(
            host=ssh.host or said.address or said.hostname,
            port=ssh.port,
            user=ssh.user,
            key=self._files.find(ssh.key) if ssh.key else None,
            jump=ssh.jump,
            known_hosts=self._key_files(tuple(ssh.known_hosts) or USUAL_KNOWN_HOSTS),
            config_files=tuple(self._files.find(file) for file in ssh.config_files),
            connect_timeout_seconds=ssh.connect_timeout,
        )

    def _key_files(self, written: tuple[str, ...]) -> tuple[Path, ...]:
        if written not in self._known_hosts:
            found = (self._files.find(file) for file in written)
            self._known_hosts[written] = (self._pinned, *found)
        return self._known_hosts[written]

    def _delivery_of(self, said: ServerSection) -> DeliveryLog | None:
        section = delivery_of(self._root.delivery, said)
        if section is self._root.delivery:
            return self._delivery
        return _delivery(section, self._files)

    def _limits_of(self, said: ServerSection) -> Limits:
        if not said.limits:
            return self._limits
        return _limits(merged(self._root.limits, said.limits))

    def _asked_of(self, said: ServerSection) -> tuple[CustomCheck, ...]:
        return tuple(check for section, check in self._checks if _is_asked(section, said))


def _is_asked(check: CustomCheckSection, server: ServerSection) -> bool:
    everywhere = not check.servers and not check.roles
    return everywhere or server.name in check.servers or server.role in check.roles


def _service(section: ServiceSection) -> Service:
    ports = None if section.ports is None else tuple(section.ports)
    return Service(section.name, section.critical, ports, section.unit)


def _limits(table: LimitTable) -> Limits:
    return {
        check: {name: numbers.model_dump(exclude_none=True) for name, numbers in limits.items()}
        for check, limits in table.items()
    }


def _delivery(section: DeliverySection | None, files: Files) -> DeliveryLog | None:
    where = database(section.database, files) if section else None
    if section is None or where is None:
        return None
    return DeliveryLog(
        database=where,
        table=section.table,
        provider=section.provider,
        provider_column=section.columns.provider,
        status_column=section.columns.status,
        time_column=section.columns.time,
        sent=tuple(section.statuses.sent),
        failed=tuple(section.statuses.failed),
        bounced=tuple(section.statuses.bounced),
        pending=tuple(section.statuses.pending),
        min_messages=section.min_messages,
    )


def database(url: Secret | None, files: Files) -> Secret | None:
    """The URL with the absolute path of its file, when it is SQLite's."""
    if url is None or not url.reveal().startswith(_SQLITE):
        return url
    return Secret(_SQLITE + str(files.find(url.reveal().removeprefix(_SQLITE))))
