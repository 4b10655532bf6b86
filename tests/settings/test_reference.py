"""docs/reference/configuration.md is complete and fresh."""

import re
from pathlib import Path

from mailvane.settings import reference, schema
from mailvane.settings.reference import sections

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"


def test_the_page_is_fresh() -> None:
    """What stands there is what the schema says now; `make docs` writes it."""
    assert PAGE.read_text(encoding="utf-8") == reference()


def test_every_key_stands_on_the_page() -> None:
    """Below the heading of its section, in a row of its own."""
    chapters = dict(
        re.findall(r"^## `([^`]+)`\n(.*?)(?=^## |\Z)", reference(), re.MULTILINE | re.DOTALL)
    )
    found = [(path, part) for path, part in sections(schema()) if path]
    assert chapters.keys() == {path for path, _ in found}
    for path, part in found:
        keys = set(re.findall(r"^\| `([^`]+)` \|", chapters[path], re.MULTILINE))
        assert keys == (set() if path == "defaults" else part["properties"].keys())


def test_every_section_of_the_schema_has_a_chapter() -> None:
    """None is left out because it is reached in an unusual way."""
    whole = schema()
    described = {part["description"] for _, part in sections(whole)}
    for part in whole["$defs"].values():
        for choice in part.get("anyOf", [part]):
            if "properties" in choice:
                assert choice["description"] in described


def test_defaults_are_said_in_short() -> None:
    """All keys of a server but those that only one can have."""
    assert (
        "It takes the keys of `servers[]` except "
        "`name`, `hostname`, `address`, `private_address`, `instance`.\n"
    ) in reference()


def test_rows_read_well() -> None:
    """A duration, a choice, a list, a required key, an alternative."""
    page = reference()
    for row in (
        (
            "| `fresh_for` | a duration from 1s to 1d, such as 90s, 5m or 2h (a bare number is "
            "seconds) | `1m` | How old"
        ),
        "| `level` | debug, info, warning or error | `info` | ",
        "| `services` | a list, each a name, or a mapping, see below | – | ",
        "| `submission_port` | a port from 1 to 65535, or off | `587` | ",
        "| `listen` | an address and a port, such as 127.0.0.1:8025 | `127.0.0.1:8025` | ",
        "| `roles` | for each name: viewer, operator or admin | `{",
    ):
        assert row in page, row
    assert re.search(r"^\| `hostname` \| .* \| \*\*required\*\* \| ", page, re.MULTILINE)
