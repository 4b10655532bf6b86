"""The configuration's JSON Schema, for editors and for the reference."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from mailvane.settings.model.root import RootSection

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_OUTSIDE = (
    "Any value may hold ${NAME}, filled in from the environment ($${ is a plain ${), or be "
    "`!file path`, the content of a file; for the latter an editor needs to know the tag "
    "(in VS Code: yaml.customTags: ['!file scalar']). Secrets may not stand here in any other way."
)


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a configuration file, with a description for every key."""
    made = RootSection.model_json_schema(schema_generator=_Generator)
    definitions = {name: _untitled(part) for name, part in made.pop("$defs").items()}
    return {
        "$schema": DIALECT,
        "title": "Mailvane's configuration",
        "$comment": _OUTSIDE,
        **{key: value for key, value in made.items() if key != "title"},
        "$defs": definitions,
    }


class _Generator(GenerateJsonSchema):
    """Gives no titles of its own: ours say what a value looks like."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never."""
        del schema
        return False


def _untitled(part: dict[str, Any]) -> dict[str, Any]:
    """A section without its class's name."""
    if "anyOf" in part:
        return {**part, "anyOf": [_untitled(choice) for choice in part["anyOf"]]}
    if "properties" not in part:
        return part
    return {key: value for key, value in part.items() if key != "title"}
