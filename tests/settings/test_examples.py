"""The configurations below examples/ are ones."""

from pathlib import Path
from typing import Any

import pytest

from mailvane.core.accounts import Role
from mailvane.core.errors import SettingsError
from mailvane.core.region import Region
from mailvane.core.server import Ssh
from mailvane.settings import Settings, load

EXAMPLES = Path(__file__).parents[2] / "examples"
ENVIRON = {
    "DATABASE_URL": "postgresql://reader:hunter2@db.internal/irisx",
    "REDIS_URL": "redis://cache.internal:6379/0",
    "JWT_SECRET": "hunter2-" * 6,
}


@pytest.fixture
def irisx(tmp_path: Path) -> Settings:
    """The platform's configuration."""
    environ = {**ENVIRON, "HOME": str(tmp_path)}
    known: dict[str, Any] = {"queue": {}}
    return load(EXAMPLES / "irisx.yaml", environ, known, tmp_path / "state")


def test_the_smallest_one_loads(tmp_path: Path) -> None:
    """One server over SSH, everything else by default."""
    found = load(EXAMPLES / "minimal.yaml", {"HOME": str(tmp_path)}, {})
    (server,) = found.servers
    assert (server.name, server.hostname, server.role) == ("mail", "mail.example.org", "mail")


def test_the_platform_s_mail_server_is_the_first(irisx: Settings) -> None:
    """With its real name, addresses, instance, login and services."""
    server = irisx.servers[0]
    assert (server.name, server.hostname) == ("mail-va", "mail-va.tazzi.com")
    assert (server.address, server.private_address) == ("54.85.183.55", "172.26.4.126")
    assert (server.instance_id, server.submission_port) == ("i-066263b31a0fcf46d", 587)
    assert isinstance(server.reach, Ssh)
    assert server.reach.user == "ubuntu"
    assert server.reach.key is not None
    assert server.reach.key.name == "irisx-prod-key.pem"
    assert [service.name for service in server.services or ()] == ["postfix", "opendkim", "dovecot"]


def test_the_platform_s_regions_are_both_there(irisx: Settings) -> None:
    """Virginia is the primary one; each has API and FreeSWITCH servers."""
    assert irisx.regions == (
        Region("us-east-1", "US East (Virginia)", True, ("us-east-1a", "us-east-1b")),
        Region("us-west-2", "US West (Oregon)", False, ("us-west-2a", "us-west-2b")),
    )
    assert {(server.role, server.region) for server in irisx.servers} == {
        ("mail", "us-east-1"),
        *((role, region.id) for role in ("api", "freeswitch") for region in irisx.regions),
    }


def test_only_the_mail_server_delivers(irisx: Settings) -> None:
    """The table of mails and the relay check are the mail server's alone."""
    first, *others = irisx.servers
    assert first.delivery is not None
    assert (first.delivery.table, first.delivery.provider) == ("email_logs", "custom-smtp")
    assert [check.name for check in first.custom_checks] == ["relay-host"]
    assert all(server.delivery is None and not server.custom_checks for server in others)


def test_the_platform_s_admins_are_let_in(irisx: Settings) -> None:
    """On port 3000, with the platform's HS256 tokens, from its admin portal."""
    platform = irisx.api.doorway.platform
    assert platform is not None
    assert platform.algorithms == ("HS256",)
    assert platform.roles == {"admin": Role.ADMIN, "super_admin": Role.ADMIN}
    assert platform.problems() == []
    assert irisx.api.port == 3000
    assert irisx.api.doorway.origins == ("https://admin.tazzi.com",)


def test_what_the_platform_must_set_is_told_at_once(tmp_path: Path) -> None:
    """Without its environment the three names are told, and nothing else."""
    with pytest.raises(SettingsError) as caught:
        load(EXAMPLES / "irisx.yaml", {"HOME": str(tmp_path)}, {})
    names = [problem.message.split()[4].rstrip(";") for problem in caught.value.problems]
    assert names == ["DATABASE_URL", "REDIS_URL", "JWT_SECRET"]


def test_every_invented_address_is_marked(irisx: Settings) -> None:
    """Lines with an address that is kept for documentation (RFC 5737) say FILL IN."""
    lines = (EXAMPLES / "irisx.yaml").read_text().splitlines()
    invented = [line for line in lines if "address: 192.0.2." in line or "address: 198.51." in line]
    assert len(invented) == 4
    assert all("FILL IN" in line for line in invented)
