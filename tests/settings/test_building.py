"""What is not about servers reaches the values that it stands for."""

from pathlib import Path
from typing import Any

from mailvane.core.accounts import Role
from mailvane.core.region import Region
from mailvane.core.server import CustomCheck

WHOLE = """
cache: {url: redis://cache, fresh_for: 2m, refresh_every: 1m}
sweep: {at_once: 7, limit: 9s}
api: {listen: "[::]:3000", origins: ["HTTPS://Admin.example.com:443/"], trusted_proxies: [10.0.0.0/8]}
auth:
  access_token: 5m
  refresh_token: 7d
  platform:
    jwks: keys.json
    ca_file: ca.pem
    issuer: irisx
    audience: mailvane
    user_claim: email
    role_claim: realm.roles
    roles: {boss: admin, guest: viewer}
    leeway: 10s
log: {level: debug, format: json}
"""


def test_every_section_is_in_force(settings_of: Any, tmp_path: Path) -> None:
    """Durations are seconds, files absolute, origins as a browser sends them."""
    found = settings_of(WHOLE)
    assert (found.cache.fresh_for_seconds, found.cache.refresh_every_seconds) == (120, 60)
    assert (found.sweep.at_once, found.sweep.limit_seconds) == (7, 9)
    assert (found.api.host, found.api.port) == ("::", 3000)
    assert found.api.doorway.origins == ("https://admin.example.com",)
    assert found.api.doorway.proxies == ("10.0.0.0/8",)
    assert (found.auth.access_token_seconds, found.auth.refresh_token_seconds) == (300, 604_800)
    assert (found.log.level, found.log.format) == ("debug", "json")
    platform = found.api.doorway.platform
    assert platform.jwks == str(tmp_path / "keys.json")
    assert platform.jwks_ca_file == tmp_path / "ca.pem"
    assert platform.algorithms == ("RS256",)
    assert (platform.issuer, platform.audience) == ("irisx", "mailvane")
    assert (platform.name_claim, platform.role_claim) == ("email", "realm.roles")
    assert platform.roles == {"boss": Role.ADMIN, "guest": Role.VIEWER}
    assert platform.leeway_seconds == 10
    assert found.source == tmp_path / "mailvane.yaml"
    assert found.state == tmp_path / "state"


def test_a_shared_secret_means_hs256_unless_said_otherwise(settings_of: Any) -> None:
    """And a JWKS address stays an address; the three roles are their own by default."""
    text = "auth: {platform: {secret: '${S}'}}"
    platform = settings_of(text, S="s" * 32).api.doorway.platform
    assert platform.algorithms == ("HS256",)
    assert platform.roles == {role.value: role for role in Role}
    other = settings_of("auth: {platform: {jwks: https://id/keys, algorithms: [ES256]}}")
    assert other.api.doorway.platform.jwks == "https://id/keys"
    assert other.api.doorway.platform.algorithms == ("ES256",)


def test_custom_checks_are_taken_as_they_are_said(settings_of: Any) -> None:
    """One with an expression, one with a number."""
    found = settings_of(r"""
        checks:
          - {name: relay, command: "postconf -h relayhost", expect: '\s*', otherwise: degraded}
          - name: mails
            title: Mails
            command: echo $${HOME} 5
            number: {degraded: 3, unhealthy: 1.5, falling: true, unit: mails}
            runbook: Look.
            timeout: 500ms
    """)
    assert found.checks == (
        CustomCheck("relay", "postconf -h relayhost", "relay", r"\s*", otherwise="degraded"),
        CustomCheck(
            name="mails",
            command="echo ${HOME} 5",
            title="Mails",
            degraded=3,
            unhealthy=1.5,
            falling=True,
            unit="mails",
            runbook="Look.",
            timeout_seconds=0.5,
        ),
    )


def test_regions_that_only_servers_name_are_made(settings_of: Any) -> None:
    """Those of the file come first, then those of servers; zones likewise."""
    found = settings_of("""
        regions:
          east: {name: The East, primary: true, zones: [e2]}
          spare:
        servers:
          - {name: a, hostname: a, transport: local, region: west, zone: w1}
          - {name: b, hostname: b, transport: local, region: east, zone: e1}
          - {name: c, hostname: c, transport: local, region: east, zone: e2}
          - {name: d, hostname: d, transport: local}
    """)
    assert found.regions == (
        Region("east", "The East", True, ("e2", "e1")),
        Region("spare", "spare"),
        Region("west", "west", False, ("w1",)),
    )
