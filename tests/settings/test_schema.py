"""The JSON Schema says what the loader takes."""

import json
from collections.abc import Iterator
from typing import Any

from mailvane.settings import schema

WHOLE = schema()


def parts(part: Any) -> Iterator[dict[str, Any]]:
    """Every mapping within the schema."""
    if isinstance(part, dict):
        yield part
    for inner in (
        part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    ):
        yield from parts(inner)


def test_it_is_json_of_the_named_dialect() -> None:
    """Written and read again it is the same."""
    assert json.loads(json.dumps(WHOLE)) == WHOLE
    assert WHOLE["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_reference_leads_somewhere() -> None:
    """No editor is sent to a definition that is not there."""
    named = {part["$ref"] for part in parts(WHOLE) if "$ref" in part}
    assert named == {f"#/$defs/{name}" for name in WHOLE["$defs"]}


def test_every_key_is_described_and_no_other_is_allowed() -> None:
    """In every mapping with known keys."""
    sections = [part for part in parts(WHOLE) if isinstance(part.get("properties"), dict)]
    assert len(sections) >= 20
    for section in sections:
        assert section["additionalProperties"] is False
        for value in section["properties"].values():
            name = value.get("$ref", "").rpartition("/")[2]
            assert value.get("description") or WHOLE["$defs"][name]["description"]


def test_a_number_may_come_from_the_environment() -> None:
    """So may a duration, a choice and a port, since an editor cannot know what is in it."""
    outside = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"}
    server, cache = WHOLE["$defs"]["ServerSection"], WHOLE["$defs"]["CacheSection"]
    port = WHOLE["$defs"]["CertificatePortSection"]["anyOf"][1]["properties"]["port"]
    assert outside in port["anyOf"]
    assert outside in cache["properties"]["fresh_for"]["anyOf"]
    assert outside in server["properties"]["name"]["anyOf"]


def test_the_short_forms_are_allowed() -> None:
    """A bare service name, a bare port, `off`."""
    definitions = WHOLE["$defs"]
    assert definitions["ServiceSection"]["anyOf"][0]["type"] == "string"
    assert definitions["CertificatePortSection"]["anyOf"][0]["type"] == "integer"
    off = definitions["ServerSection"]["properties"]["submission_port"]["anyOf"]
    assert {"enum": ["off", False], "title": "off"} in off


def test_an_editor_is_told_about_files() -> None:
    """`!file` needs a setting there."""
    assert "!file scalar" in WHOLE["$comment"]
