"""What must hold for custom checks."""

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("", "checks[0]: expected `expect:` or `number:`, found neither"),
        (
            "expect: x, number: {degraded: 1}",
            "checks[0]: expected `expect:` or `number:`, found both",
        ),
        (
            "number: {}",
            "checks[0].number: expected `degraded:` or `unhealthy:` or both, found neither",
        ),
        (
            "number: {degraded: 5, unhealthy: 4}",
            (
                "checks[0].number: more is worse here, so degraded must come before unhealthy; "
                "found 5 and 4"
            ),
        ),
        (
            "number: {degraded: 4, unhealthy: 5, falling: true}",
            (
                "checks[0].number: less is worse here, so degraded must come before unhealthy; "
                "found 4 and 5"
            ),
        ),
        (
            "expect: x, timeout: 26s",
            "checks[0].timeout: expected at most 25 s, the limit of a whole sweep (sweep.limit)",
        ),
        (
            "expect: x, servers: [mali]",
            'checks[0].servers[0]: there is no server "mali"; did you mean "mail"?',
        ),
    ],
)
def test_what_is_wrong_is_told(told: Any, more: str, says: str) -> None:
    """One expectation, limits in their order, servers that exist, time within the sweep's."""
    text = f"""\
        servers: [{{name: mail, hostname: a, transport: local}}]
        checks: [{{name: mine, command: "true", {more}}}]
    """
    assert told(text) == [f"2: {says}"]


@pytest.mark.parametrize(
    "more",
    [
        "expect: x, timeout: 25s",
        "number: {degraded: 4, unhealthy: 4}",
        "number: {unhealthy: 4}",
        "number: {degraded: 5, unhealthy: 4, falling: yes}",
        "expect: x, servers: [mail], roles: [mail]",
    ],
)
def test_what_is_right_is_taken(doubts: Any, more: str) -> None:
    """At the limits."""
    text = f"""\
        servers: [{{name: mail, hostname: a, transport: local}}]
        checks: [{{name: mine, command: "true", {more}}}]
    """
    assert doubts(text) == []


def test_a_wrong_expectation_is_told_once(told: Any) -> None:
    """Not also as one that is missing."""
    for more in ("expect: (", "number: 5", "number: {degraded: x}"):
        assert len(told(f"checks: [{{name: mine, command: 'true', {more}}}]")) == 1


def test_names_are_those_of_no_other_check(told: Any) -> None:
    """Neither Mailvane's own nor another custom one."""
    assert told("""\
        checks:
          - {name: queue, command: "true", expect: x}
          - {name: mine, command: "true", expect: x}
          - {name: mine, command: "true", expect: x}
    """) == [
        '2: checks[0].name: Mailvane has a check "queue" of its own; take another name',
        '4: checks[2].name: checks[1] is called "mine" as well; names are unique',
    ]


def test_what_has_no_effect_is_a_doubt(doubts: Any) -> None:
    """A role that no server has, `otherwise` beside a number."""
    assert doubts("""\
        servers: [{name: mail, hostname: a, transport: local}]
        checks:
          - {name: mine, command: "true", expect: x, roles: [mial]}
          - {name: mine-too, command: "true", number: {degraded: 1}, otherwise: degraded}
    """) == [
        '3: checks[0].roles[0]: no server has the role "mial"; did you mean "mail"?',
        "4: checks[1].otherwise: it goes with `expect`; a number has limits",
    ]
