"""What a benchmark prints: a table for people, or one JSON object a line with `--json`."""

import json
import sys
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number beside what it is held against."""

    name: str
    value: float
    unit: str
    against: str
    """What it was measured against, in the same run."""
    goal: float | None = None
    """The number to reach; None: told, not judged."""
    at_least: bool = False
    """True when more is better."""

    @property
    def met(self) -> bool | None:
        """True when the goal is reached; None without a goal."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal


def tell(title: str, figures: list[Figure]) -> None:
    """The figures stand on the terminal."""
    if "--json" in sys.argv[1:]:
        for figure in figures:
            said = {key: value for key, value in asdict(figure).items() if key != "at_least"}
            print(json.dumps({**said, "value": round(figure.value, 5), "met": figure.met}))
        return
    table = Table(title=title, title_justify="left")
    for column in ("what", "measured", "against", "goal", ""):
        table.add_column(column)
    for figure in figures:
        goal = "" if figure.goal is None else f"{'≥' if figure.at_least else '≤'} {figure.goal:.4g}"
        met = {True: "met", False: "missed", None: ""}[figure.met]
        table.add_row(figure.name, f"{figure.value:.4g} {figure.unit}", figure.against, goal, met)
    Console(width=150).print(table)
