"""What a shape is."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from mailvane.core.redact import redact
from mailvane.settings.outside import FromOutside, sources

FROM_OUTSIDE = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"}
"""What may stand everywhere: the value is then filled in from the environment."""
SHOWN_LIMIT = 60


class Unfit(ValueError):
    """A value that does not fit; the text is the sentence for the reader."""


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """How a value is written.

    It takes the text that stands in the document, or came from the environment or a file, and makes
    the value of it.
    """

    expected: str
    """As the end of "expected …"."""
    read: Callable[[str], Any]
    """Makes the value; raises ValueError when the text does not fit, Unfit to say more."""
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    """JSON Schema of what may stand in the document."""
    hidden: bool = False
    """True: what was found is never shown."""

    def take(self, value: Any) -> Any:
        """The value that the text stands for; raises Unfit with what was expected and found."""
        if not isinstance(value, str):
            raise Unfit(f"expected {self.expected}, found {kind(value)}")
        try:
            return self.read(value)
        except Unfit:
            raise
        except ValueError:
            inline = self.hidden and not isinstance(value, FromOutside)
            found = "something else (not shown)" if inline else shown(value)
            raise Unfit(f"expected {self.expected}, found {found}") from None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        del source, handler
        return core_schema.no_info_plain_validator_function(self.take)

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        del core, handler
        plain = self.schema == {"type": "string"}
        alternatives = dict(self.schema) if plain else {"anyOf": [dict(self.schema), FROM_OUTSIDE]}
        return {"title": self.expected, **alternatives}


@dataclass(frozen=True, slots=True)
class OrOff:
    """The value may also be switched off by a word; it is None then."""

    words: tuple[str, ...] = ("off", "no", "false")

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(
            lambda value, read: None if self._says_off(value) else read(value), handler(source)
        )

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        inner = handler(core)
        said = {"anyOf": [inner, {"enum": ["off", False], "title": "off"}]}
        return {"title": f"{inner['title']}, or off", **said} if "title" in inner else said

    def _says_off(self, value: Any) -> bool:
        return isinstance(value, str) and value.lower() in self.words


OR_OFF = OrOff()


def matching(pattern: str, longest: int) -> Callable[[str], str]:
    """A reader of texts that the whole pattern matches and that are not longer."""
    compiled = re.compile(pattern)

    def read(text: str) -> str:
        if len(text) > longest or not compiled.fullmatch(text):
            raise ValueError
        return str(text)

    return read


def pattern_schema(pattern: str, longest: int) -> dict[str, Any]:
    """JSON Schema of the same."""
    return {"type": "string", "pattern": f"^(?:{pattern})$", "maxLength": longest}


def patterned(expected: str, pattern: str, longest: int = 255) -> Shape:
    """The shape of texts that the whole pattern matches."""
    return Shape(expected, matching(pattern, longest), pattern_schema(pattern, longest))


def shown(value: str) -> str:
    """The text as an error may show it: short, without secrets, not what came from outside."""
    if isinstance(value, FromOutside):
        return f"something else in {sources(value)} (not shown)"
    short = value if len(value) <= SHOWN_LIMIT else value[:SHOWN_LIMIT] + "…"
    return f'"{redact(short)}"'


def kind(value: Any) -> str:
    """What a value of the document is, without showing it."""
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping (`key: value`)"
        case list():
            return "a list"
        case _:
            return "a text"
