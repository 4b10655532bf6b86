"""Data to sections: one mistake hides no other."""

from typing import Any

import pytest

from mailvane.settings.drafting import draft, section
from mailvane.settings.model.server import ServerSection
from mailvane.settings.nodes import KeyPath
from mailvane.settings.problems import Problems

RIGHT: dict[str, Any] = {"name": "a", "hostname": "a.example.org"}


def drafted(data: Any) -> tuple[ServerSection | None, list[KeyPath]]:
    """The section of a server, and the paths of what is wrong with it."""
    problems = Problems("f")
    return section(ServerSection, data, (), problems), sorted(problems._wrong, key=str)


def test_right_data_are_a_section_without_problems() -> None:
    """Every key as it was said."""
    found, wrong = drafted({**RIGHT, "submission_port": "25"})
    assert found is not None
    assert (found.name, found.submission_port, wrong) == ("a", 25, [])


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"ssh": {"port": "x", "user": "m"}}, [("ssh", "port")]),
        ({"ssh": {"prot": "1", "user": "m"}}, [("ssh", "prot")]),
        ({"services": ["a", ";", "b", {"nam": "c"}]}, None),
        ({"certificate": {"ports": ["x", "25", ["y"]]}}, None),
        ({"hostname": ";"}, [("hostname",)]),
        ({"name": None}, [("name",)]),
        ({"limits": {"queue": "5", "disk": {"used": {"degraded": "x"}}}}, None),
    ],
)
def test_what_is_wrong_is_left_out_and_the_rest_stays(
    more: dict[str, Any], wrong: list[KeyPath] | None
) -> None:
    """A key, a list's item, a required key for which something else stands in."""
    found, paths = drafted({**RIGHT, **more, "zone": "z"})
    assert found is not None
    assert found.zone == "z"
    assert paths == wrong or wrong is None
    assert paths


def test_list_items_that_are_right_stay_in_their_order() -> None:
    """Those between wrong ones, too."""
    found, wrong = drafted({**RIGHT, "services": [";", "a", "|", {"name": "b"}, {"critical": "x"}]})
    assert found is not None
    assert [service.name for service in found.services or ()] == ["a", "b"]
    assert wrong == [
        ("services", 0, "name"),
        ("services", 2, "name"),
        ("services", 4, "critical"),
        ("services", 4, "name"),
    ]


@pytest.mark.parametrize("data", ["text", ["list"], 5])
def test_what_is_no_mapping_is_no_section(data: Any) -> None:
    """There is nothing to go on with."""
    assert drafted(data) == (None, [()])


def test_servers_keep_their_places() -> None:
    """A wrong one leaves a gap, so that the others are told by their own numbers."""
    problems = Problems("f")
    found = draft({"servers": ["x", RIGHT, {**RIGHT, "name": "b"}]}, problems)
    assert list(found.servers) == [1, 2]
    assert found.names == {"a": 1, "b": 2}
    assert problems.wrong_at(("servers", 0))


def test_the_data_are_not_changed() -> None:
    """Leaving something out happens on a copy."""
    data = {**RIGHT, "ssh": {"port": "x"}, "services": [";"]}
    drafted(data)
    assert data == {**RIGHT, "ssh": {"port": "x"}, "services": [";"]}
