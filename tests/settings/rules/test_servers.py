"""What must hold for servers and between them."""

from typing import Any

import pytest

HOW = "write `ssh: {user: NAME}`, `transport: local` or `recorded: FOLDER`"


def test_names_are_unique(told: Any) -> None:
    """The second one is told where the first is, even when that one is wrong otherwise."""
    assert told("""\
        servers:
          - {name: a, hostname: x;y, transport: local}
          - {name: a, hostname: a, transport: local}
    """)[1:] == ['3: servers[1].name: servers[0] is called "a" as well; names are unique']


def test_a_server_says_how_it_is_reached(told: Any) -> None:
    """In one way, or its defaults do."""
    text = "servers: [{name: a, hostname: a}]"
    assert told(text) == [f"1: servers[0]: nothing says how this server is reached; {HOW}"]
    assert told(f"defaults: {{transport: local}}\n{text}") == []
    assert told("servers: [{name: a, hostname: a, transport: local, recorded: x}]") == [
        "1: servers[0]: expected one way to reach it, found recorded and transport"
    ]
    assert told("defaults: {transport: local, recorded: x}") == [
        "1: defaults: expected one way to reach servers, found recorded and transport"
    ]


@pytest.mark.parametrize("reach", ["transport: remote", "ssh: 5", "ssh: {port: 0}", "recorded: []"])
def test_a_wrong_way_to_be_reached_is_told_once(told: Any, reach: str) -> None:
    """Not also as one that is missing."""
    assert len(told(f"servers: [{{name: a, hostname: a, {reach}}}]")) == 1


def test_checks_that_are_off_exist(told: Any) -> None:
    """Mailvane's own and custom ones."""
    text = """\
        checks: [{name: mine, command: "true", expect: x}]
        defaults: {transport: local, checks: {off: [lod]}}
        servers: [{name: a, hostname: a, checks: {off: [load, mine, mined]}}]
    """
    assert told(text) == [
        '2: defaults.checks.off[0]: unknown check "lod"; did you mean "load"?',
        '3: servers[0].checks.off[2]: unknown check "mined"; did you mean "mine"?',
    ]


def test_services_and_ports_stand_once(told: Any) -> None:
    """In their lists of one server."""
    assert told("""\
        defaults: {transport: local, services: [a, {name: a}]}
        servers: [{name: a, hostname: a, certificate: {ports: [25, {port: 25}]}}]
    """) == [
        '1: defaults.services[1]: "a" stands here twice',
        "2: servers[0].certificate.ports[1]: port 25 stands here twice",
    ]


def test_one_server_s_mistakes_are_all_told(told: Any) -> None:
    """A wrong name, a wrong short form and a wrong limit do not hide each other."""
    assert [
        problem.split(": ")[1]
        for problem in told("""\
        servers:
          - name: A
            hostname: a
            services: [";", postfix]
            limits: {queue: {messages: {degraded: 501}}}
            checks: {off: [x]}
    """)
    ] == [
        "servers[0]",
        "servers[0].name",
        "servers[0].services[0].name",
        "servers[0].limits.queue.messages",
        "servers[0].checks.off[0]",
    ]
