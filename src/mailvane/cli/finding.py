"""What `mailvane doctor` finds: one line each, with what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailvane.cli.console import STYLES, columns, line, shape
from mailvane.core.status import Status

if TYPE_CHECKING:
    from rich.text import Text


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was looked at: healthy is fine, degraded a warning, unhealthy an error."""

    about: str
    status: Status
    told: str
    fix: str | None = None


def fine(about: str, told: str) -> Finding:
    """Nothing is wrong."""
    return Finding(about, Status.HEALTHY, told)


def warning(about: str, told: str, fix: str | None = None) -> Finding:
    """It works, but something should be done."""
    return Finding(about, Status.DEGRADED, told, fix)


def error(about: str, told: str, fix: str | None = None) -> Finding:
    """It does not work."""
    return Finding(about, Status.UNHEALTHY, told, fix)


def told(findings: Sequence[Finding]) -> list["Text"]:
    """The findings under each other, each with its fix."""
    from rich.text import Text

    rows = columns(
        [
            (Text(shape(finding.status), STYLES[finding.status]), finding.about, finding.told)
            for finding in findings
        ],
        indent="  ",
    )
    lines: list[Text] = []
    for finding, row in zip(findings, rows, strict=True):
        lines.append(row)
        if finding.fix:
            lines.append(line(f"      → {finding.fix}"))
    return lines
