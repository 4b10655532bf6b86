"""Sentences about keys."""

from typing import Any

import pytest

from mailvane.settings.model.root import RootSection
from mailvane.settings.model.server import ServerSection
from mailvane.settings.nodes import KeyPath
from mailvane.settings.wording import did_you_mean, fields_at, quoted


@pytest.mark.parametrize(
    ("path", "some"),
    [
        ((), {"servers", "cache"}),
        (("servers", 3), {"name", "ssh", "role"}),
        (("servers", 3, "ssh"), {"user", "jump"}),
        (("servers", 3, "services", 0), {"name", "critical", "ports", "unit"}),
        (("servers", 3, "certificate", "ports", 1), {"port", "starttls"}),
        (("servers", 3, "limits", "queue", "messages"), {"degraded", "unhealthy"}),
        (("servers", 3, "delivery", "columns"), {"status", "time", "provider"}),
        (("regions", "us-east-1"), {"name", "primary", "zones"}),
        (("regions", "name"), {"name", "primary", "zones"}),
        (("auth", "platform"), {"secret", "jwks", "roles"}),
    ],
)
def test_the_keys_at_a_path_are_known(path: KeyPath, some: set[str]) -> None:
    """Through lists, mappings with free keys, and what may be left out or off."""
    assert some <= fields_at(RootSection, path).keys()


@pytest.mark.parametrize("path", [("name",), ("ssh", "user"), ("services",), ("nothing", "here")])
def test_a_value_has_no_keys(path: KeyPath) -> None:
    """Nor has a list, or what is not there."""
    assert fields_at(ServerSection, path) == {}


@pytest.mark.parametrize(
    ("word", "known", "says"),
    [
        ("prot", ["user", "port"], 'did you mean "port"?'),
        ("zzz", ["user", "port"], "known: port, user"),
        ("zzz", [], "none is known here"),
        ("p" * 100_000, ["port"], "known: port"),
    ],
)
def test_a_near_word_is_offered(word: str, known: Any, says: str) -> None:
    """Else all of them, in order."""
    assert did_you_mean(word, known) == says


def test_a_quoted_text_is_clean() -> None:
    """Short, without secrets and control characters."""
    assert quoted("password=hunter2") == '"password=***"'
    assert quoted("a\x1b") == '"a\ufffd"'
    assert len(quoted("a" * 1_000)) == 62
