"""The reference page of the configuration, written from its schema."""

import json
from collections.abc import Iterator
from typing import Any

from mailvane.settings.reference_intro import INTRO
from mailvane.settings.schema import schema
from mailvane.settings.shapes.base import FROM_OUTSIDE
from mailvane.settings.shapes.number import SECONDS
from mailvane.settings.shapes.text import listed

Part = dict[str, Any]

_HEAD = "| key | expects | default | what it is for |\n|---|---|---|---|"


def reference() -> str:
    """docs/reference/configuration.md: every key, what it expects, its default, what it is for."""
    whole = schema()
    pages = (_page(path, part, whole) for path, part in sections(whole))
    return "\n".join([INTRO, *pages])


def sections(whole: Part) -> list[tuple[str, Part]]:
    """Every kind of mapping with its path; one that stands in several places has its shortest path."""
    found: dict[int, tuple[str, Part]] = {}
    for path, part in _below(whole, "", whole):
        if id(part) not in found or path.count(".") < found[id(part)][0].count("."):
            found[id(part)] = (path, part)
    order = list(whole["properties"])
    return sorted(found.values(), key=lambda one: _place(one[0], order))


def _place(path: str, order: list[str]) -> int:
    return order.index(path.partition(".")[0].removesuffix("[]")) if path else -1


def _below(part: Part, path: str, whole: Part) -> Iterator[tuple[str, Part]]:
    yield path, part
    for key, value in part["properties"].items():
        inner = f"{path}.{key}" if path else key
        for steps, section in _mappings(value, whole):
            yield from _below(section, inner + steps, whole)


def _mappings(value: Part, whole: Part) -> Iterator[tuple[str, Part]]:
    """The sections that a value may be, and the steps from it to them: `[]`, `.NAME`."""
    value = _named(value, whole)
    if "properties" in value:
        yield "", value
    for choice in value.get("anyOf", ()):
        yield from _mappings(choice, whole)
    for steps, inner in (("[]", value.get("items")), (".NAME", value.get("additionalProperties"))):
        if isinstance(inner, dict):
            yield from ((steps + more, section) for more, section in _mappings(inner, whole))


def _page(path: str, part: Part, whole: Part) -> str:
    if part is whole:
        return f"## All sections\n\n{_table(part, whole)}"
    told = part["description"]
    if path == "defaults":
        return f"## `{path}`\n\n{told}\n{_apart(part, whole)}"
    return f"## `{path}`\n\n{told}\n\n{_table(part, whole)}"


def _table(part: Part, whole: Part) -> str:
    needed = part.get("required", ())
    rows = (_row(key, value, key in needed, whole) for key, value in part["properties"].items())
    return "\n".join([_HEAD, *rows, ""])


def _apart(part: Part, whole: Part) -> str:
    shared = whole["$defs"]["ServerSection"]["properties"]
    own = ", ".join(f"`{key}`" for key in shared if key not in part["properties"])
    return f"It takes the keys of `servers[]` except {own}.\n"


def _row(key: str, value: Part, needed: bool, whole: Part) -> str:
    told = value.get("description") or _named(value, whole)["description"]
    cells = (f"`{key}`", _expects(value, whole), _default(value, needed), told)
    return "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in cells) + " |"


def _named(value: Part, whole: Part) -> Part:
    """What a `$ref` refers to; anything else as it is."""
    name = value.get("$ref", "").rpartition("/")[2]
    found: Part = whole["$defs"][name] if name else value
    return found


def _expects(value: Part, whole: Part) -> str:
    """What may stand there, in words."""
    if "title" in value:
        return str(value["title"])
    value = _named(value, whole)
    if "properties" in value:
        return "a mapping, see below"
    if value.get("type") == "array":
        return f"a list, each {_expects(value['items'], whole)}"
    if isinstance(inner := value.get("additionalProperties"), dict):
        return f"for each name: {_expects(inner, whole)}"
    choices = [one for one in value.get("anyOf", ()) if one not in ({"type": "null"}, FROM_OUTSIDE)]
    return ", or ".join(_expects(choice, whole) for choice in choices) or _bare(value)


def _bare(value: Part) -> str:
    return listed(value["enum"]) if "enum" in value else "a text"


def _default(value: Part, needed: bool) -> str:
    default = value.get("default")
    if needed:
        return "**required**"
    if default is None or default in ({}, []):
        return "–"
    if isinstance(default, float) and "duration" in value.get("title", ""):
        return f"`{_as_duration(default)}`"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _as_duration(seconds: float) -> str:
    """The shortest way to write a length of time."""
    units = sorted(SECONDS.items(), key=lambda unit: -unit[1])
    return next(f"{seconds / size:g}{unit}" for unit, size in units if not seconds % size)
