"""`${NAME}` and `!file`."""

import copy
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from mailvane.settings.document import parse
from mailvane.settings.files import Files
from mailvane.settings.outside import FILE_LIMIT_BYTES, FromOutside, Outside, sources
from mailvane.settings.problems import Problems

ENVIRON = {"USER": "mail", "PASSWORD": "hunter2", "EMPTY": ""}


def filled(text: str, folder: Path = Path("/nowhere")) -> tuple[Any, list[str]]:
    """What stands under `key:` in the text, and what is wrong with it."""
    root = parse(text)
    assert root is not None
    problems = Problems("f", root)
    data = Outside(ENVIRON, Files(folder, Path("/home/me")), problems).data(root)
    return data.get("key"), _messages(problems)


def _messages(problems: Problems) -> list[str]:
    return [f"{line} {message}" for line, message in problems._wrong.values()]


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("${USER}", "mail"),
        ("postgresql://${USER}:${PASSWORD}@db/x", "postgresql://mail:hunter2@db/x"),
        ("'${USER}'", "mail"),
        ("|\n  a ${USER}\n  b", "a mail\nb"),
        ("${EMPTY}", ""),
    ],
)
def test_names_are_filled_in_wherever_they_stand(written: str, means: str) -> None:
    """Alone, within a text, in quotes, in a block; an empty variable is an empty text."""
    value, wrong = filled(f"key: {written}")
    assert (value, wrong) == (means, [])
    assert isinstance(value, FromOutside)


@pytest.mark.parametrize("written", ["$USER", "$${USER}", "a$b", "$$"])
def test_only_the_one_form_is_filled_in(written: str) -> None:
    """`$NAME` stays, `$${NAME}` loses one dollar; neither counts as coming from outside."""
    value, wrong = filled(f"key: {written}")
    assert (value, wrong) == (written.replace("$$", "$") if "{" in written else written, [])
    assert not isinstance(value, FromOutside)


def test_what_the_environment_lacks_is_one_problem_with_the_line() -> None:
    """Every missing name is told, and what to do."""
    value, wrong = filled("a: 1\nkey: ${NOPE}${NADA}${NOPE}")
    assert value is None
    assert len(wrong) == 1
    assert wrong[0].startswith("2 the environment has no NOPE and NADA; set it where Mailvane is")


@pytest.mark.parametrize("written", ["${}", "${1A}", "${A", "${A-B}", "${A:-x}"])
def test_another_form_is_refused(written: str) -> None:
    """What is neither a name nor escaped is a problem that says how to write it."""
    value, wrong = filled(f"key: '{written}'")
    assert value is None
    assert wrong == [
        "1 expected ${NAME}, a letter first, then letters, digits and _; `${` itself is written `$${`"
    ]


def test_keys_are_not_filled_in() -> None:
    """A key is what it is."""
    root = parse("${USER}: 1")
    assert root is not None
    assert Outside(ENVIRON, Files(Path("/"), Path("/")), Problems("f", root)).data(root) == {
        "${USER}": "1"
    }


def test_a_file_is_its_content(tmp_path: Path) -> None:
    """Relative to the configuration, without the newline at its end; inner ones stay."""
    (tmp_path / "secret").write_text("one\ntwo\r\n")
    (tmp_path / "secret").chmod(0o600)
    value, wrong = filled("key: !file secret", tmp_path)
    assert (value, wrong) == ("one\ntwo", [])
    assert sources(value) == "!file secret"


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("missing", "cannot read {0}/missing: No such file or directory; make it, or correct"),
        (".", "cannot read {0}: not a regular file"),
        ("pipe", "cannot read {0}/pipe: not a regular file"),
        ("large", "cannot read {0}/large: larger than 64 KiB"),
        ("binary", "cannot read {0}/binary: not a UTF-8 text (line 2)"),
        ("${PASSWORD}", "cannot read ${{PASSWORD}}: No such file or directory"),
        ('"a\\0b"', "cannot read {0}/a\ufffdb: embedded null byte"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, written: str, says: str) -> None:
    """Missing, a folder, a pipe, too large, not a text; what came from outside is not shown."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"x" * (FILE_LIMIT_BYTES + 1))
    (tmp_path / "binary").write_bytes(b"a\n\xff")
    value, wrong = filled(f"key: !file {written}", tmp_path)
    assert value is None
    assert len(wrong) == 1
    assert wrong[0].startswith("1 " + says.format(tmp_path))
    assert "hunter2" not in wrong[0]


@pytest.mark.parametrize(("mode", "doubts"), [(0o600, 0), (0o640, 0), (0o644, 1), (0o604, 1)])
def test_a_secret_that_everyone_can_read_is_a_doubt(tmp_path: Path, mode: int, doubts: int) -> None:
    """The file is taken, with the command that closes it."""
    (tmp_path / "secret").write_text("x")
    (tmp_path / "secret").chmod(mode)
    root = parse("key: !file secret")
    assert root is not None
    problems = Problems("f", root)
    assert Outside({}, Files(tmp_path, tmp_path), problems).data(root) == {"key": "x"}
    assert [warning.message.partition(";")[2] for warning in problems.warnings()] == [
        f" `chmod o= {tmp_path}/secret`"
    ] * doubts


@pytest.mark.parametrize(
    "written", ["!env X", "!!python/object:os.system x", "!!binary eA==", "!file [x]", "!x {a: 1}"]
)
def test_no_other_tag_is_known(written: str) -> None:
    """A tag that would construct something is a problem."""
    value, wrong = filled(f"key: {written}")
    assert value is None
    assert "the only one is `!file path`" in wrong[0]


def test_yaml_s_own_tags_say_nothing_new() -> None:
    """`!!str` and its like are taken; the schema decides what the text means."""
    assert filled("key: !!int 5") == ("5", [])


def test_what_came_from_outside_is_not_in_its_repr() -> None:
    """The repr shows how it is written, also of a copy."""
    value, _ = filled("key: x-${PASSWORD}")
    for one in (value, copy.deepcopy(value), pickle.loads(pickle.dumps(value))):  # noqa: S301
        assert one == "x-hunter2"
        assert repr(one) == "FromOutside('x-${PASSWORD}')"


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("~", "/home/me"),
        ("~/k", "/home/me/k"),
        ("k", "/etc/m/k"),
        ("/k", "/k"),
        ("~you", "/etc/m/~you"),
    ],
)
def test_paths_begin_at_the_configuration(written: str, means: str) -> None:
    """`~` is the home folder, a relative path begins at the configuration's folder."""
    assert Files(Path("/etc/m"), Path("/home/me")).find(written) == Path(means)
