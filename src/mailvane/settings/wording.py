"""What pydantic has to say about a section, as sentences for whoever wrote it."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from mailvane.core.redact import redact
from mailvane.settings.model.base import Section
from mailvane.settings.nodes import KeyPath
from mailvane.settings.shapes.base import Shape, kind

_KINDS = {
    "model_type": "a mapping (`key: value`)",
    "dict_type": "a mapping (`key: value`)",
    "list_type": "a list (`[one, two]`)",
}


def told(error: ValidationError, model: type[Section]) -> Iterator[tuple[KeyPath, str]]:
    """Each problem's path within the section, and its sentence."""
    for problem in error.errors(include_url=False):
        yield problem["loc"], _sentence(dict(problem), model)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown word: the nearest known one, else all of them."""
    choices = sorted(known)
    if near := get_close_matches(word[:100], choices, n=1):
        return f'did you mean "{near[0]}"?'
    return f"known: {', '.join(choices)}" if choices else "none is known here"


def quoted(text: str) -> str:
    """A text of the configuration as it may stand in a sentence."""
    return f'"{redact(text[:60])}"'


def _sentence(problem: dict[str, Any], model: type[Section]) -> str:
    path, found = problem["loc"], problem["input"]
    match problem["type"]:
        case "value_error":
            return str(problem["ctx"]["error"])
        case "extra_forbidden":
            return f"unknown key; {did_you_mean(str(path[-1]), fields_at(model, path[:-1]))}"
        case "missing":
            return f"missing; expected {_expected(fields_at(model, path[:-1])[str(path[-1])])}"
        case name if name in _KINDS:
            return f"expected {_KINDS[name]}, found {kind(found)}"
        case _:
            return str(problem["msg"])


def fields_at(model: type[Section], path: KeyPath) -> dict[str, FieldInfo]:
    """The keys of the section that lies at the path below the model; none where there is none."""
    here: Any = model
    for step in path:
        here = _below(here, step)
    return here.model_fields if _is_section(here) else {}


def _below(annotation: Any, step: str | int) -> Any:
    """What lies below: a section's key, a list's item, a value of a mapping with free keys."""
    if _is_section(annotation):
        field = annotation.model_fields.get(step)
        return _without_none(field.annotation) if field else None
    parts = get_args(annotation)
    return _without_none(parts[-1]) if parts else None


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) not in (Union, UnionType):
        return annotation
    return next(part for part in get_args(annotation) if part is not NoneType)


def _expected(field: FieldInfo) -> str:
    shapes = [extra.expected for extra in field.metadata if isinstance(extra, Shape)]
    return shapes[0] if shapes else "a value"
