"""Names, lines, paths, expressions and choices."""

import pytest

from mailvane.core.accounts import Role
from mailvane.settings.outside import from_outside
from mailvane.settings.shapes.base import SHOWN_LIMIT, Shape, Unfit, kind, shown
from mailvane.settings.shapes.text import (
    ABSOLUTE,
    IDENTIFIER,
    INSTANCE,
    LINE,
    LINES,
    NAME,
    PATH,
    REGEX,
    SERVICE,
    TABLE,
    UNIT,
    WORD,
    one_of,
)


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        (NAME, "a"),
        (NAME, "0-mail-va"),
        (NAME, "a" * 63),
        (WORD, "us-east-1"),
        (WORD, "Zone_1.b"),
        (IDENTIFIER, "_created_at2"),
        (TABLE, "mail.email_logs"),
        (SERVICE, "postfix@-"),
        (UNIT, r"dev-disk-by\x2duuid.device"),
        (INSTANCE, "i-066263b31a0fcf46d"),
        (LINE, " %"[1:]),
        (LINE, "US East (Virginia)"),
        (LINES, "one\n\ttwo\n"),
        (PATH, "~/a b/c"),
        (ABSOLUTE, "/var/log/mail.log"),
        (REGEX, r"\s*"),
    ],
)
def test_what_fits_stays_as_it_is(shape: Shape, text: str) -> None:
    """Nothing is trimmed or folded."""
    assert shape.take(text) == text


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        *((shape, "") for shape in (NAME, WORD, TABLE, SERVICE, LINE, LINES, PATH)),
        *((shape, "a\x1b[2J") for shape in (NAME, WORD, SERVICE, UNIT, LINE, LINES, PATH, REGEX)),
        *((shape, "/a\u202eb") for shape in (LINE, LINES, PATH, ABSOLUTE)),
        *((shape, "a\nb") for shape in (NAME, LINE, PATH, REGEX)),
        (NAME, "A"),
        (NAME, "-a"),
        (NAME, "a_b"),
        (NAME, "a" * 64),
        (NAME, "a\n"),
        (WORD, "-a"),
        (WORD, "a b"),
        (IDENTIFIER, "1a"),
        (IDENTIFIER, 'a"b'),
        (TABLE, "a.b.c"),
        (TABLE, "a; drop table b"),
        (SERVICE, "a;b"),
        (SERVICE, "--help"),
        (UNIT, "a b"),
        (INSTANCE, "i-066263B31A"),
        (LINE, "x" * 501),
        (LINES, "x" * 8_193),
        (PATH, "/" + "x" * 1_024),
        (ABSOLUTE, "var/log"),
        (REGEX, "("),
        (REGEX, "a{99999999999}"),
        (REGEX, "x" * 501),
    ],
)
def test_what_does_not_fit_is_refused(shape: Shape, text: str) -> None:
    """With what was expected and found."""
    with pytest.raises(Unfit, match=r"^expected .*, found "):
        shape.take(text)


def test_an_expression_of_the_future_is_taken_in_silence() -> None:
    """Python warns of a `[` within a set; that is no one's concern here."""
    assert REGEX.take("[[a]") == "[[a]"


def test_a_choice_is_one_of_its_words() -> None:
    """The member of the enumeration, not only its text; the others are listed."""
    assert one_of(Role).take("admin") is Role.ADMIN
    with pytest.raises(Unfit, match=r'^expected viewer, operator or admin, found "root"$'):
        one_of(Role).take("root")
    with pytest.raises(Unfit, match=r'^expected local, found "x"$'):
        one_of(["local"]).take("x")


def test_what_is_found_is_shown_short_and_clean() -> None:
    """Without secrets and control characters; what came from outside is named, not shown."""
    assert shown("x" * 100) == f'"{"x" * SHOWN_LIMIT}…"'
    assert shown("https://u:hunter2@h") == '"https://u:***@h"'
    assert "\x1b" not in shown("\x1b[2J")
    assert shown(from_outside("hunter2", "a${X}${Y}")) == "something else in ${X}, ${Y} (not shown)"


def test_another_kind_is_named() -> None:
    """A mapping, a list or nothing where a text belongs."""
    for value, word in (({}, "a mapping"), ([], "a list"), (None, "nothing")):
        assert kind(value).startswith(word)
        with pytest.raises(Unfit, match=f"^expected .*, found {word}"):
            NAME.take(value)
