"""Names, words, lines, paths and choices."""

import re
import warnings
from collections.abc import Iterable

from mailvane.settings.shapes.base import Shape, patterned

LINE_LIMIT = 500
LINES_LIMIT = 8_192
PATH_LIMIT = 1_024
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def _line(text: str) -> str:
    if not text.strip() or len(text) > LINE_LIMIT or _CONTROL.search(text):
        raise ValueError
    return str(text)


def _lines(text: str) -> str:
    if not text.strip() or len(text) > LINES_LIMIT or _CONTROL_BUT_LINES.search(text):
        raise ValueError
    return str(text)


def _path(text: str) -> str:
    if not text.strip() or len(text) > PATH_LIMIT or _CONTROL.search(text):
        raise ValueError
    return str(text)


def _absolute(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError
    return _path(text)


def _regex(text: str) -> str:
    if len(text) > LINE_LIMIT or _CONTROL.search(text):
        raise ValueError
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(text)
    except (re.error, OverflowError, RecursionError):
        raise ValueError from None
    return str(text)


NAME = patterned(
    "a name of lower-case letters, digits and dashes, a letter or digit first, at most 63",
    "[a-z0-9][a-z0-9-]{0,62}",
)
WORD = patterned(
    "a word of letters, digits and . _ -, a letter or digit first, at most 63",
    "[A-Za-z0-9][A-Za-z0-9._-]{0,62}",
)
IDENTIFIER = patterned(
    "the name of a column: letters, digits and _, no digit first", "[A-Za-z_][A-Za-z0-9_]{0,62}"
)
TABLE = patterned(
    "the name of a table, such as email_logs or mail.email_logs",
    "[A-Za-z_][A-Za-z0-9_]{0,62}(?:[.][A-Za-z_][A-Za-z0-9_]{0,62})?",
)
SERVICE = patterned("the name of a service, such as postfix", "[A-Za-z0-9][A-Za-z0-9@._:-]{0,62}")
UNIT = patterned(
    "a systemd unit, such as postfix@-.service", r"[A-Za-z0-9][A-Za-z0-9@._:\\-]{0,254}"
)
INSTANCE = patterned("an EC2 instance id, such as i-066263b31a0fcf46d", "i-[0-9a-f]{8,17}")
LINE = Shape(f"a line of text, at most {LINE_LIMIT} characters", _line)
LINES = Shape(f"a text, at most {LINES_LIMIT:,} characters", _lines)
PATH = Shape("a path; a relative one begins at this file's folder, ~ is the home folder", _path)
ABSOLUTE = Shape("an absolute path on the server, such as /var/log/mail.log", _absolute)
REGEX = Shape("a regular expression as Python knows them", _regex)


def one_of(choices: Iterable[str]) -> Shape:
    """The shape of a choice among words, or members of an enumeration."""
    by_word = {str(choice): choice for choice in choices}
    words = list(by_word)

    def read(text: str) -> str:
        if text not in by_word:
            raise ValueError
        return by_word[str(text)]

    return Shape(listed(words), read, {"enum": words})


def listed(words: list[str]) -> str:
    """The words as a sentence names them: `a, b or c`."""
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
