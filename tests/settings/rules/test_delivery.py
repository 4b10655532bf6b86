"""Every server that is asked about deliveries has a database, and every word one meaning."""

from typing import Any

import pytest

HOW = "nothing says in which database the mails are; write `database: ${DATABASE_URL}`"
LOCAL = "servers: [{{name: a, hostname: a, transport: local{0}}}]\n"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("delivery: {table: x}", "delivery"),
        ("defaults: {delivery: {table: x}}", "defaults.delivery"),
        (LOCAL.format(", delivery: {table: x}"), "servers[0].delivery"),
        (LOCAL.format(", delivery: {}"), "servers[0].delivery"),
    ],
)
def test_a_delivery_has_a_database(told: Any, text: str, key: str) -> None:
    """Its own, or the common one's."""
    assert told(text) == [f"1: {key}: {HOW}"]
    assert told("delivery: {database: sqlite:///x}\n" + text) == [] or key == "delivery"


@pytest.mark.parametrize("database", ["'${NOPE}'", "mysql://db", "postgresql://u:pw@db/x"])
def test_a_wrong_database_is_told_once(told: Any, database: str) -> None:
    """Not also as one that is missing, in no server."""
    text = f"delivery: {{database: {database}}}\n" + LOCAL.format(", delivery: {table: x}")
    (problem,) = told(text)
    assert problem.startswith("1: delivery.database: ")


def test_a_status_means_one_thing(told: Any) -> None:
    """A word under two meanings is told, also when one of them is the default."""
    assert told("delivery: {database: sqlite:///x, statuses: {failed: [lost, sent]}}") == [
        '1: delivery.statuses.failed[1]: "sent" stands under sent as well; it can mean one thing'
    ]
    text = "delivery: {database: sqlite:///x, statuses: {sent: [ok], failed: [sent]}}"
    assert told(text) == []
