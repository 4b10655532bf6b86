"""Every key of a server reaches the value that it stands for."""

from pathlib import Path
from typing import Any

import pytest

from mailvane.core.request import StartTls
from mailvane.core.server import DeliveryLog, MailPort, Service


def one(settings_of: Any, more: str, **environ: str) -> Any:
    """A server with more keys, as a flow mapping's end."""
    text = f"servers: [{{name: a, hostname: a.example.org, transport: local, {more}}}]"
    return settings_of(text, **environ).servers[0]


def test_what_is_not_said_has_core_s_default(settings_of: Any) -> None:
    """The model's defaults are those of the values."""
    server = one(settings_of, "")
    default = type(server)(name="a", hostname="a.example.org", reach=server.reach)
    assert server == default


def test_a_delivery_has_core_s_defaults(settings_of: Any) -> None:
    """All but the database."""
    server = one(settings_of, "delivery: {database: 'postgresql://db/x'}")
    assert server.delivery == DeliveryLog(database=server.delivery.database)


def test_ssh_is_taken_as_it_is_said(settings_of: Any, tmp_path: Path) -> None:
    """Every key of it; files are absolute."""
    (server,) = settings_of("""
        servers:
          - name: a
            hostname: a.example.org
            ssh:
              user: mailvane
              key: keys/id
              port: 2222
              jump: me@jump.example.org:22
              config_files: [ssh_config]
              known_hosts: [~/pinned]
              connect_timeout: 2s
    """).servers
    reach = server.reach
    assert (reach.host, reach.user, reach.port) == ("a.example.org", "mailvane", 2222)
    assert (reach.key, reach.jump) == (tmp_path / "keys/id", "me@jump.example.org:22")
    assert reach.config_files == (tmp_path / "ssh_config",)
    assert reach.known_hosts == (tmp_path / "state/known_hosts", tmp_path / "home/pinned")
    assert reach.connect_timeout_seconds == 2


def test_services_are_names_or_mappings(settings_of: Any) -> None:
    """None listed is not the same as an empty list."""
    more = "services: [postfix, {name: dkim, critical: yes, ports: [8891], unit: opendkim.service}]"
    assert one(settings_of, more).services == (
        Service("postfix"),
        Service("dkim", critical=True, ports=(8891,), unit="opendkim.service"),
    )
    assert one(settings_of, "services: []").services == ()
    assert one(settings_of, "services: ").services is None


def test_certificate_ports_are_numbers_or_mappings(settings_of: Any, tmp_path: Path) -> None:
    """With the way in which TLS begins; the roots are a file."""
    more = "certificate: {ports: [587, {port: 2525, starttls: smtp}], ca_file: ca.pem}"
    server = one(settings_of, more)
    assert server.certificate_ports == (MailPort(587), MailPort(2525, StartTls.SMTP))
    assert server.ca_file == tmp_path / "ca.pem"


@pytest.mark.parametrize(("written", "port"), [("2525", 2525), ("off", None), ("'${P}'", 26)])
def test_the_submission_port_can_be_off(settings_of: Any, written: str, port: int | None) -> None:
    """A number, off, or what the environment says."""
    assert one(settings_of, f"submission_port: {written}", P="26").submission_port == port


def test_logs_and_disks_are_paths_on_the_server(settings_of: Any) -> None:
    """As they are written."""
    server = one(settings_of, "log: {files: [/var/log/mail.log]}, disk: {paths: [/, /srv]}")
    assert server.log_files == ("/var/log/mail.log",)
    assert server.disk_paths == ("/", "/srv")


def test_custom_checks_are_asked_where_they_belong(settings_of: Any) -> None:
    """By name, by role, or everywhere."""
    servers = settings_of(
        """
        defaults: {transport: local}
        servers:
          - {name: m, hostname: m}
          - {name: x, hostname: x, role: api}
        checks:
          - {name: everywhere, command: "true", expect: ""}
          - {name: by-role, command: "true", number: {degraded: 1}, roles: [mail]}
          - {name: by-name, command: "true", number: {degraded: 1}, servers: [x]}
          - {name: both, command: "true", number: {degraded: 1}, servers: [x], roles: [mail]}
    """.replace('expect: ""', 'expect: "x?"')
    ).servers
    mail, api = ([check.name for check in server.custom_checks] for server in servers)
    assert mail == ["everywhere", "by-role", "both"]
    assert api == ["everywhere", "by-name", "both"]


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("sqlite:///mail.db", "sqlite:///{0}/mail.db"),
        ("sqlite:///~/mail.db", "sqlite:///{0}/home/mail.db"),
        ("sqlite:////srv/mail.db", "sqlite:////srv/mail.db"),
        ("postgresql://db/mail", "postgresql://db/mail"),
    ],
)
def test_a_sqlite_file_begins_at_the_configuration(
    settings_of: Any, tmp_path: Path, written: str, means: str
) -> None:
    """Its URL has the absolute path; another URL is as it was written."""
    found = settings_of(f"store: {{url: '{written}'}}")
    assert found.store.reveal() == means.format(tmp_path)
