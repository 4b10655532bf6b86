"""Plain data to sections, part by part, so that one mistake hides no other."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError

from mailvane.settings.model.base import Section
from mailvane.settings.model.custom import CustomCheckSection
from mailvane.settings.model.root import RootSection
from mailvane.settings.model.server import ServerSection
from mailvane.settings.nodes import KeyPath
from mailvane.settings.problems import Problems
from mailvane.settings.shapes.base import kind
from mailvane.settings.wording import told

S = TypeVar("S", bound=Section)
_LISTS = ("servers", "checks")


@dataclass(slots=True)
class Draft:
    """A configuration whose keys are right, each for itself; what was wrong is left out."""

    root: RootSection
    """Without servers and checks."""
    servers: dict[int, ServerSection] = field(default_factory=dict)
    """By their place in the list."""
    checks: dict[int, CustomCheckSection] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    """The names of all servers, those of wrong ones as well, and the first place of each."""


def draft(data: Any, problems: Problems) -> Draft:
    """The draft of what the document holds; every mistake of a single key is noted."""
    if data is None:
        data = {}
    if not isinstance(data, dict):
        problems.add((), f"expected a mapping with keys such as `servers:`, found {kind(data)}")
        return Draft(RootSection())
    rest = {key: value for key, value in data.items() if key not in _LISTS}
    root = section(RootSection, rest, (), problems) or RootSection()
    servers = _listed(data, "servers", problems)
    return Draft(
        root,
        _each(ServerSection, servers, "servers", problems),
        _each(CustomCheckSection, _listed(data, "checks", problems), "checks", problems),
        _names(servers),
    )


def section(model: type[S], data: Any, at: KeyPath, problems: Problems) -> S | None:
    """The section, without the keys that are wrong; None when nothing of it can be used.

    What it must have and is wrong has a stand-in, so that the rest of it can be checked as well.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        wrong = list(told(error, model))
        missing = {one["loc"] for one in error.errors() if one["type"] == "missing"}
    for path, sentence in wrong:
        problems.add((*at, *path), sentence)
    if not isinstance(data, dict):
        return None
    cut = [path[:-1] if path in missing else path for path, _ in wrong]
    kept = _without(data, filter(None, cut))
    needed = {key: text for key, text in model.stand_ins.items() if kept.get(key) is None}
    try:
        return model.model_validate({**kept, **needed})
    except ValidationError:
        return None


def _listed(data: dict[str, Any], key: str, problems: Problems) -> list[Any]:
    found = data.get(key)
    if isinstance(found, list):
        return found
    if found is not None:
        problems.add((key,), f"expected a list (a line with `- ` for each), found {kind(found)}")
    return []


def _each(model: type[S], data: list[Any], key: str, problems: Problems) -> dict[int, S]:
    parts = ((at, section(model, one, (key, at), problems)) for at, one in enumerate(data))
    return {at: part for at, part in parts if part is not None}


def _names(servers: list[Any]) -> dict[str, int]:
    names: dict[str, int] = {}
    for at, server in enumerate(servers):
        if isinstance(server, dict) and isinstance(name := server.get("name"), str):
            names.setdefault(name, at)
    return names


def _without(data: Any, paths: Iterable[KeyPath]) -> Any:
    """A copy of the data without what lies at the paths."""
    copy = _copied(data)
    for path in sorted(set(paths), key=_order, reverse=True):
        _remove(copy, path)
    return copy


def _copied(data: Any) -> Any:
    match data:
        case dict():
            return {key: _copied(value) for key, value in data.items()}
        case list():
            return [_copied(value) for value in data]
        case _:
            return data


def _order(path: KeyPath) -> tuple[str, ...]:
    """List items from the last to the first, so that the indices of the others stay true."""
    return tuple(f"{step:09}" if isinstance(step, int) else step for step in path)


def _remove(data: Any, path: KeyPath) -> None:
    """What lies at the path is gone; where a text stands for a mapping, the text is."""
    holder, last = None, path[0]
    for step in path:
        if not _holds(data, step):
            break
        holder, last, data = data, step, data[step]
    if holder is not None:
        del holder[last]


def _holds(data: Any, step: str | int) -> bool:
    if isinstance(data, list):
        return isinstance(step, int) and step < len(data)
    return isinstance(data, dict) and step in data
