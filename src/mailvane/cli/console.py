"""How things are printed: colour on a terminal only, no markup, one line for one thing.

Lines are never broken here: a terminal breaks them itself, and a command that was broken by us could
not be copied.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mailvane.core.redact import redact
from mailvane.core.status import Status

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

STYLES = {
    Status.HEALTHY: "green",
    Status.UNKNOWN: "magenta",
    Status.DEGRADED: "yellow",
    Status.UNHEALTHY: "bold red",
}
_SHAPES = {
    Status.HEALTHY: "●",
    Status.UNKNOWN: "?",
    Status.DEGRADED: "▲",
    Status.UNHEALTHY: "✖",
}
_ASCII_SHAPES = {
    Status.HEALTHY: "o",
    Status.UNKNOWN: "?",
    Status.DEGRADED: "!",
    Status.UNHEALTHY: "x",
}
_WORD_WIDTH = max(len(status) for status in Status)


def out() -> "Console":
    """Standard output."""
    return _console(stderr=False)


def err() -> "Console":
    """Standard error."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> "Console":
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")
    return Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True)


def clean(text: str) -> str:
    """The text as one line that a terminal can be given, whoever wrote it."""
    return redact(" ".join(text.split("\n"))).replace("\t", " ")


def shape(status: Status) -> str:
    """The sign of a status, in the letters that standard output can write."""
    try:
        _SHAPES[status].encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return _ASCII_SHAPES[status]
    return _SHAPES[status]


def marked(status: Status, *, padded: bool = False) -> "Text":
    """A status as shape, word and colour; padded to the width of the longest."""
    from rich.text import Text

    word = status.ljust(_WORD_WIDTH) if padded else str(status)
    return Text(f"{shape(status)} {word}", STYLES[status])


def line(*parts: "Text | str", style: str = "") -> "Text":
    """One line of the parts; what is plain text is cleaned."""
    from rich.text import Text

    return Text.assemble(
        *(part if isinstance(part, Text) else Text(clean(part), style) for part in parts)
    )


def columns(rows: Iterable[Sequence["Text | str"]], indent: str = "") -> list["Text"]:
    """The rows with their cells under each other; the last column may be as long as it likes."""
    from rich.text import Text

    table = [
        [cell if isinstance(cell, Text) else Text(clean(cell)) for cell in row] for row in rows
    ]
    widths = [max(cell.cell_len for cell in column) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        for cell, width in zip(row[:-1], widths, strict=False):
            cell.append(" " * (width - cell.cell_len))
        told = Text(indent).append_text(Text("  ").join(row))
        told.rstrip()
        lines.append(told)
    return lines
