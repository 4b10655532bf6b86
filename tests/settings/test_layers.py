"""What one section leaves unsaid is taken from the one below it."""

from typing import Any

from mailvane.core.server import Local, Ssh


def test_a_server_wins_over_the_defaults(settings_of: Any) -> None:
    """Lists are replaced, mappings merged, a value that was said stays even if it is the default."""
    (server,) = settings_of("""
        defaults:
          role: api
          submission_port: 465
          services: [a, b]
          ssh: {user: common, port: 2222}
          disk: {paths: [/data]}
          checks: {off: [load]}
        servers:
          - name: one
            hostname: one.example.org
            submission_port: 587
            services: [c]
            ssh: {user: own}
    """).servers
    assert (server.role, server.submission_port) == ("api", 587)
    assert [service.name for service in server.services] == ["c"]
    assert (server.reach.user, server.reach.port) == ("own", 2222)
    assert server.disk_paths == ("/data",)
    assert server.checks_off == {"load"}


def test_another_way_to_be_reached_replaces_the_default_one(settings_of: Any) -> None:
    """A local server among SSH ones is local, and the other way round."""
    local, ssh = settings_of("""
        defaults: {ssh: {user: common}}
        servers:
          - {name: a, hostname: a.example.org, transport: local}
          - {name: b, hostname: b.example.org}
    """).servers
    assert local.reach == Local()
    assert ssh.reach.user == "common"
    (back,) = settings_of("""
        defaults: {transport: local}
        servers:
          - name: a
            hostname: a.example.org
            ssh:
    """).servers
    assert isinstance(back.reach, Ssh)


def test_limits_lie_in_three_layers(settings_of: Any) -> None:
    """For all servers, the defaults over them, the server over both; only what is said is in there."""
    first, second = settings_of("""
        limits: {queue: {messages: {degraded: 10, unhealthy: 20}}, load: {load: {degraded: 1}}}
        defaults: {limits: {queue: {messages: {degraded: 15}}}}
        servers:
          - {name: a, hostname: a, transport: local}
          - {name: b, hostname: b, transport: local, limits: {queue: {messages: {unhealthy: 99}}}}
    """).servers
    load = {"load": {"degraded": 1}}
    assert first.limits == {"queue": {"messages": {"degraded": 15, "unhealthy": 20}}, "load": load}
    assert second.limits == {"queue": {"messages": {"degraded": 15, "unhealthy": 99}}, "load": load}


def test_deliveries_are_those_of_mail_servers(settings_of: Any) -> None:
    """A mail server has the common one, its own over it, or none; another only its own."""
    servers = settings_of("""
        delivery: {database: sqlite:////m.db, provider: common, columns: {time: sent_at}}
        defaults: {transport: local}
        servers:
          - {name: common, hostname: a}
          - {name: own, hostname: b, delivery: {provider: own, columns: {status: state}}}
          - {name: none, hostname: c, delivery: off}
          - {name: api, hostname: d, role: api}
          - {name: sender, hostname: e, role: api, delivery: {}}
    """).servers
    common, own, none, api, sender = (server.delivery for server in servers)
    assert (common.provider, common.time_column, common.status_column) == (
        "common",
        "sent_at",
        "status",
    )
    assert (own.provider, own.time_column, own.status_column) == ("own", "sent_at", "state")
    assert own.database.reveal() == "sqlite:////m.db"
    assert (none, api) == (None, None)
    assert sender == common


def test_defaults_can_switch_delivery_off(settings_of: Any) -> None:
    """A server that says one has it all the same."""
    off, on = settings_of("""
        delivery: {database: sqlite:////m.db}
        defaults: {transport: local, delivery: off}
        servers:
          - {name: a, hostname: a}
          - {name: b, hostname: b, delivery: {table: mails}}
    """).servers
    assert off.delivery is None
    assert on.delivery.table == "mails"
