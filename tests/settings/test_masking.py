"""No secret of a configuration can be seen in any form of its settings."""

import json
from typing import Any

from mailvane.settings import masked

SECRETS = """
servers:
  - {name: a, hostname: a.example.org, ssh: {user: m}}
  - {name: b, hostname: b.example.org, transport: local, delivery: {database: "${B_URL}"}}
delivery: {database: "postgresql://u:${PASSWORD}@db/mail"}
cache: {url: "redis://:${PASSWORD}@cache"}
store: {url: "${STORE_URL}"}
auth: {platform: {secret: !file secret}}
"""


def seeded(settings_of: Any, tmp_path: Any) -> Any:
    """Settings in which every kind of secret holds the canary."""
    (tmp_path / "secret").write_text("canary" * 6)
    return settings_of(
        SECRETS,
        PASSWORD="canary",
        B_URL="postgresql://u:canary@db/b",
        STORE_URL="postgresql://u:canary@db/store",
    )


def test_secrets_are_where_they_are_used(settings_of: Any, tmp_path: Any) -> None:
    """The canary is really in there, so that the next tests mean something."""
    found = seeded(settings_of, tmp_path)
    assert found.servers[0].delivery.database.reveal() == "postgresql://u:canary@db/mail"
    assert found.servers[1].delivery.database.reveal() == "postgresql://u:canary@db/b"
    assert found.cache.url.reveal() == "redis://:canary@cache"
    assert found.store.reveal() == "postgresql://u:canary@db/store"
    assert found.api.doorway.platform.secret.reveal() == "canary" * 6


def test_settings_show_no_secret(settings_of: Any, tmp_path: Any) -> None:
    """Neither as repr, as text, nor in warnings."""
    found = seeded(settings_of, tmp_path)
    assert "canary" not in repr(found)
    assert "canary" not in str(found)
    assert "canary" not in repr(found.warnings)


def test_masked_settings_are_json_with_stars(settings_of: Any, tmp_path: Any) -> None:
    """Everything in force can be written as JSON; each secret is `***`."""
    shown = masked(seeded(settings_of, tmp_path))
    assert "canary" not in json.dumps(shown)
    assert shown["cache"]["url"] == "***"
    assert shown["store"] == "***"
    assert shown["api"]["doorway"]["platform"]["secret"] == "***"
    assert shown["servers"][0]["reach"]["user"] == "m"
    assert shown["servers"][0]["reach"]["by"] == "ssh"
    assert shown["servers"][1]["checks_off"] == []
