"""Problems are collected once each, with their lines, and told in order."""

import pytest

from mailvane.core.errors import SettingsError
from mailvane.settings.document import parse
from mailvane.settings.problems import PROBLEM_LIMIT, Problems


def raised(problems: Problems) -> list[str]:
    """What is told."""
    with pytest.raises(SettingsError) as caught:
        problems.raise_if_any()
    return str(caught.value).splitlines()


def test_no_problem_raises_nothing() -> None:
    """Doubts alone do not stop anything."""
    problems = Problems("f")
    problems.warn(("a",), "odd")
    problems.raise_if_any()
    assert [str(warning) for warning in problems.warnings()] == ["f: a: odd"]


def test_problems_are_told_in_the_order_of_the_lines() -> None:
    """Whatever finds them first."""
    problems = Problems("f", parse("a: 1\nb: 2\n"))
    problems.add(("b",), "second")
    problems.add(("a",), "first")
    assert raised(problems) == ["f:1: a: first", "f:2: b: second"]


def test_a_wrong_value_has_no_further_problems() -> None:
    """What lies in it or is it is not told again; its neighbours and its parent are."""
    problems = Problems("f")
    problems.add(("a", "b"), "wrong")
    problems.add(("a", "b"), "again")
    problems.add(("a", "b", "c"), "within")
    problems.add(("a",), "above")
    assert raised(problems) == ["f: a: above", "f: a.b: wrong"]


def test_wrong_at_knows_above_and_below() -> None:
    """A path is wrong when it, something in it, or something that holds it is."""
    problems = Problems("f")
    problems.add(("a", "b"), "wrong")
    assert problems.wrong_at(("a", "b"))
    assert problems.wrong_at(("a",))
    assert problems.wrong_at(("a", "b", 0))
    assert problems.wrong_at(("x",), ("a",))
    assert not problems.wrong_at(("a", "c"))
    assert not problems.wrong_at()


def test_more_than_fit_a_screen_are_counted() -> None:
    """The last line says how many more there are."""
    problems = Problems("f")
    for at in range(PROBLEM_LIMIT + 3):
        problems.add(("servers", at), "wrong")
    told = raised(problems)
    assert len(told) == PROBLEM_LIMIT + 1
    assert told[-1] == "f: and 3 more problems"


def test_a_key_is_shown_clean_and_short() -> None:
    """Control characters and endless keys do not reach a screen."""
    problems = Problems("f")
    problems.add(("a\x1b[2J" + "b" * 1000,), "wrong")
    (told,) = raised(problems)
    assert "\x1b" not in told
    assert len(told) < 300
