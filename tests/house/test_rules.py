"""Our rules as machines: what a reviewer would otherwise have to look for."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted(path for path in (ROOT / "tests").rglob("test_*.py"))

FUNCTION_STOP = 60
MODULE_STOP = 400
GUARDED = {"engine/sweep.py", "engine/scheduler.py"}
WORDS_NOT_USED = re.compile(r"\b(class|def) \w*(Manager|Handler|Helper|Util)\w*")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT / "src" / "mailvane"))


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_a_module_is_one_room(path: Path) -> None:
    """No module is longer than 400 lines."""
    assert len(path.read_text().splitlines()) <= MODULE_STOP


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_a_function_is_one_screen(path: Path) -> None:
    """No function is longer than a screen."""
    long = [f"{f.name}: {_length(f)} lines" for f in _functions(path) if _length(f) > FUNCTION_STOP]
    assert long == []


def test_most_functions_are_short() -> None:
    """Half of all functions have at most 10 lines and nine in ten at most 30, docstrings included."""
    lengths = sorted(_length(f) for path in SOURCES for f in _functions(path))
    assert median(lengths) <= 10
    assert lengths[int(len(lengths) * 0.9)] <= 30


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_only_the_engine_catches_everything(path: Path) -> None:
    """`except Exception` stands only where a sweep is guarded, and nowhere bare."""
    if _name(path) in GUARDED:
        return
    caught = re.findall(r"except\s*(?:Exception|BaseException)?\s*(?:as \w+)?:", path.read_text())
    assert caught == []


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_words_that_say_nothing_are_not_used(path: Path) -> None:
    """No class or function is called manager, handler, helper or util."""
    assert WORDS_NOT_USED.findall(path.read_text()) == []


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_no_shell_on_our_side_and_no_unchecked_host_key(path: Path) -> None:
    """Nothing runs `shell=True` or `os.system`, and no SSH connection is made without pinned keys."""
    text = path.read_text()
    assert "shell=True" not in text
    assert "os.system(" not in text
    assert not re.search(r"known_hosts\s*=\s*None\b(?!,?\s*#)", text)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT / "tests")))
def test_every_test_is_a_claim(path: Path) -> None:
    """Every test has a docstring: the claim that it proves."""
    silent = [
        f.name for f in _functions(path) if f.name.startswith("test_") and not ast.get_docstring(f)
    ]
    assert silent == []


def test_no_registry_stands_in_any_file() -> None:
    """No lock file and no script names the host of a package registry."""
    hosts = re.compile(r"https?://[^\s\"']*(?:pypi|pythonhosted|npmjs|debian\.org|mirror)[^\s\"']*")
    found = {
        str(path.relative_to(ROOT)): hosts.findall(path.read_text(errors="replace"))
        for folder in ("requirements", "scripts", "lab", ".ci")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and hosts.search(path.read_text(errors="replace"))
    }
    assert found == {}
