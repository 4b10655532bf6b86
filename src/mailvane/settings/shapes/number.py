"""Whole numbers, numbers, lengths of time, and yes or no."""

import math
import re

from mailvane.settings.shapes.base import Shape

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_ONE = r"[0-9]{1,9}(?:\.[0-9]{1,3})?(?:ms|s|m|h|d|w)"
_DURATION = re.compile(f"(?:{_ONE})+")
_PART = re.compile(r"([0-9.]+)([a-z]+)")
_PLAIN = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?(?:[eE][+-]?[0-9]{1,3})?")
_WHOLE = re.compile(r"-?[0-9]{1,15}")
_YES = ("true", "yes", "on")
_NO = ("false", "no", "off")


def whole(least: int, most: int, what: str = "a whole number") -> Shape:
    """The shape of whole numbers within bounds."""

    def read(text: str) -> int:
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise ValueError
        return int(text)

    schema = {"type": "integer", "minimum": least, "maximum": most}
    return Shape(f"{what} from {least} to {most}", read, schema)


def duration(least: str, most: str) -> Shape:
    """The shape of lengths of time within bounds; the value is seconds."""
    bounds = seconds(least), seconds(most)

    def read(text: str) -> float:
        if not bounds[0] <= (value := seconds(text)) <= bounds[1]:
            raise ValueError
        return value

    schema = {
        "anyOf": [
            {"type": "number", "minimum": bounds[0], "maximum": bounds[1]},
            {"type": "string", "pattern": f"^{_DURATION.pattern}$"},
        ]
    }
    expected = (
        f"a duration from {least} to {most}, such as 90s, 5m or 2h (a bare number is seconds)"
    )
    return Shape(expected, read, schema)


def seconds(text: str) -> float:
    """The length of time that `90`, `90s`, `5m`, `2h`, `1h30m` or `500ms` stands for."""
    if _PLAIN.fullmatch(text):
        return number(text)
    if not _DURATION.fullmatch(text):
        raise ValueError
    return sum(float(count) * SECONDS[unit] for count, unit in _PART.findall(text))


def number(text: str) -> float:
    """The number that is written; neither infinite nor NaN."""
    if not _PLAIN.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError
    return float(text)


def _yes_no(text: str) -> bool:
    if text.lower() not in _YES + _NO:
        raise ValueError
    return text.lower() in _YES


NUMBER = Shape("a number", number, {"type": "number"})
YES_NO = Shape("true or false", _yes_no, {"type": "boolean"})
PORT = whole(1, 65_535, "a port")
