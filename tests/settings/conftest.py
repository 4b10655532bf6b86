"""Configurations in a folder of their own."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from mailvane.core.errors import SettingsError
from mailvane.core.threshold import falling, rising
from mailvane.settings import Settings, load

KNOWN = {
    "instance": {},
    "services": {},
    "queue": {"messages": rising(100, 500)},
    "disk": {"used": rising(80, 90, " %")},
    "delivery": {"rate": falling(95, 85, " %")},
    "load": {"load": rising(2, 5), "memory": rising(90, 97, " %")},
}

Loads = Callable[..., Settings]
Told = Callable[..., list[str]]


@pytest.fixture
def config(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a configuration, its indentation taken away, and says where it is."""

    def write(text: str) -> Path:
        path = tmp_path / "mailvane.yaml"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write


@pytest.fixture
def settings_of(config: Callable[[str], Path], tmp_path: Path) -> Loads:
    """The settings of a text; keywords are the environment."""

    def loads(text: str, **environ: str) -> Settings:
        home = {"HOME": str(tmp_path / "home"), **environ}
        return load(config(text), home, KNOWN, tmp_path / "state")

    return loads


@pytest.fixture
def told(settings_of: Loads, tmp_path: Path) -> Told:
    """The problems of a text as `line key: message`; empty when there are none."""

    def problems(text: str, **environ: str) -> list[str]:
        try:
            settings_of(text, **environ)
        except SettingsError as error:
            return [_short(str(problem), tmp_path) for problem in error.problems]
        return []

    return problems


@pytest.fixture
def doubts(settings_of: Loads, tmp_path: Path) -> Told:
    """The warnings of a text as `line key: message`."""

    def warnings(text: str, **environ: str) -> list[str]:
        found = settings_of(text, **environ).warnings
        return [_short(str(warning), tmp_path) for warning in found]

    return warnings


def _short(problem: str, folder: Path) -> str:
    return problem.removeprefix(f"{folder}/mailvane.yaml:").replace(str(folder), "")
