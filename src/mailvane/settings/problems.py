"""All that is wrong with a configuration, collected so that it can be told at once."""

from collections.abc import Iterator

from mailvane.core.errors import Problem, SettingsError
from mailvane.core.redact import redact
from mailvane.core.words import plural
from mailvane.settings.nodes import KeyPath, Node, dotted, line_of

PROBLEM_LIMIT = 500
"""More are counted, not told: one mistake in a generated file may stand in it 10,000 times."""
KEY_LIMIT = 200
HIDDEN_LENGTH = 6
"""Shorter texts are parts of too many words; the values of secrets are never in a message anyway."""


class Problems:
    """Collects what is wrong and what is doubtful, by path; keeps the first problem of each path."""

    def __init__(self, file: str, root: Node | None = None) -> None:
        self._file = file
        self.root = root
        """Gives the lines."""
        self._wrong: dict[KeyPath, tuple[int, str]] = {}
        self._lacking: dict[KeyPath, tuple[int, str]] = {}
        self._above: set[KeyPath] = set()
        self._hidden: dict[str, str] = {}
        self._doubtful: dict[tuple[KeyPath, str], int] = {}

    def add(self, path: KeyPath, message: str, line: int | None = None) -> None:
        """The value at the path is wrong, unless it or what holds it is already known to be."""
        if not any(part in self._wrong for part in _parts(path)):
            self._wrong[path] = (line or line_of(self.root, path) or 0, message)
            self._above.update(_parts(path))

    def lacks(self, path: KeyPath, message: str) -> None:
        """Something is missing in the mapping at the path; what stands in it is judged all the same."""
        if not any(part in self._wrong for part in _parts(path)):
            self._lacking.setdefault(path, (line_of(self.root, path) or 0, message))
            self._above.update(_parts(path))

    def warn(self, path: KeyPath, message: str) -> None:
        """The value at the path is taken, but something about it should be looked at."""
        self._doubtful.setdefault((path, message), line_of(self.root, path) or 0)

    def hide(self, text: str, source: str) -> None:
        """The text came from outside: where a message would show it, it shows where it came from."""
        if len(text) >= HIDDEN_LENGTH:
            self._hidden[text] = source

    def wrong_at(self, *paths: KeyPath) -> bool:
        """True when a problem is known at one of the paths, above it or below it."""
        return any(
            path in self._above or any(part in self._wrong for part in _parts(path))
            for path in paths
        )

    def raise_if_any(self) -> None:
        """Raises SettingsError with every problem, in the order of the lines; else nothing."""
        found = [*self._wrong.items(), *self._lacking.items()]
        if not found:
            return
        told = sorted((line, dotted(path), text) for path, (line, text) in found)
        problems = [self._problem(*problem) for problem in told[:PROBLEM_LIMIT]]
        if (rest := len(told) - PROBLEM_LIMIT) > 0:
            problems.append(Problem(self._file, "", f"and {plural(rest, 'more problem')}"))
        raise SettingsError(problems)

    def warnings(self) -> tuple[Problem, ...]:
        """What is doubtful, in the order of the lines."""
        told = sorted((line, dotted(path), text) for (path, text), line in self._doubtful.items())
        return tuple(self._problem(*doubt) for doubt in told[:PROBLEM_LIMIT])

    def _problem(self, line: int, key: str, message: str) -> Problem:
        place = f"{self._file}:{line}" if line else self._file
        for text in sorted(self._hidden, key=len, reverse=True):
            message = message.replace(text, self._hidden[text])
        return Problem(place, redact(key[:KEY_LIMIT]), message)


def _parts(path: KeyPath) -> Iterator[KeyPath]:
    return (path[:length] for length in range(len(path) + 1))
