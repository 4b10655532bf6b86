"""Settings as they may be shown."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from mailvane.core.redact import redact
from mailvane.core.secret import Secret
from mailvane.core.server import Local, Recorded, Ssh
from mailvane.settings.values import Settings


def masked(settings: Settings) -> dict[str, Any]:
    """The configuration as it is in force, as JSON values; each secret is `***`."""
    return {name: _plain(value) for name, value in _parts(settings)}


def _parts(value: Any) -> list[tuple[str, Any]]:
    return [(field.name, getattr(value, field.name)) for field in fields(value)]


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, Secret):
        reach = isinstance(value, Local | Recorded | Ssh)
        by = {"by": type(value).__name__.lower()} if reach else {}
        return {**by, **{name: _plain(part) for name, part in _parts(value)}}
    match value:
        case Secret() | Path() | str():
            return redact(str(value))
        case Mapping():
            return {str(key): _plain(part) for key, part in value.items()}
        case tuple():
            return [_plain(part) for part in value]
        case frozenset():
            return sorted(_plain(part) for part in value)
        case _:
            return value
