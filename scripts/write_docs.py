"""Writes the pages of docs/ that are made from the code; with --check, says which are out of date.

docs/checks/NAME.md and docs/checks/README.md come from each check's runbook and limits,
docs/reference/cli.md from the commands, docs/reference/configuration.md from the settings' schema.
"""

import sys
from pathlib import Path
from typing import Any

from mailvane import settings
from mailvane.checks import catalogue
from mailvane.cli import reference as cli
from mailvane.core.check import Check

DOCS = Path(__file__).parents[1] / "docs"
MADE = "<!-- Made from the code by `make docs`; change it there. -->\n"


def check_page(check: Check[Any]) -> str:
    """One check: its runbook, and its limits as the configuration names them."""
    parts = [MADE, f"# {check.title} (`{check.name}`)\n", f"{check.runbook}\n"]
    if check.limits:
        parts += ["## Limits\n", "Each can be moved under `limits:` in the configuration.\n"]
        parts += ["| limit | default | source |", "|---|---|---|"]
        parts += [
            f"| `{check.name}.{name}` | {str(limit).strip('()')} | {limit.source} |"
            for name, limit in check.limits.items()
        ]
    return "\n".join(parts).rstrip() + "\n"


def index_page(checks: tuple[Check[Any], ...]) -> str:
    """The list of all checks, each with the first sentence of its runbook."""
    lines = [MADE, "# Checks\n", "What Mailvane asks of a server, and what the answers mean.\n"]
    lines += [f"* [{c.title}]({c.name}.md) — {c.runbook.splitlines()[0]}" for c in checks]
    return "\n".join(lines) + "\n"


def pages() -> dict[Path, str]:
    """Every generated page by its path below docs/."""
    checks = catalogue()
    made = {Path("checks") / f"{check.name}.md": check_page(check) for check in checks}
    return {
        Path("checks/README.md"): index_page(checks),
        Path("reference/cli.md"): cli.reference(),
        Path("reference/configuration.md"): settings.reference(),
        **made,
    }


def main(arguments: list[str]) -> int:
    """0 when the pages are fresh or were written; 1 with their names when --check finds them old."""
    made = {DOCS / path: text for path, text in pages().items()}
    old = [p for p, text in made.items() if not p.exists() or p.read_text() != text]
    left = sorted(set((DOCS / "checks").glob("*.md")) - set(made))
    if "--check" in arguments:
        for path in [*old, *left]:
            print(f"{path.relative_to(DOCS.parent)} is out of date; run `make docs`")
        return 1 if old or left else 0
    for path in old:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made[path])
    for path in left:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
