"""YAML to nodes, and the bounds on what a text may make of itself."""

import pytest

from mailvane.settings.document import DEPTH_LIMIT, DocumentError, parse
from mailvane.settings.nodes import Mapping, Scalar, Sequence, dotted, line_of


def parsed(text: str) -> Mapping:
    """The root of a text that is a mapping."""
    root = parse(text)
    assert isinstance(root, Mapping)
    return root


def scalar(root: Mapping, key: str) -> Scalar:
    """The value of a key that is a text."""
    node = root.fields[key][1]
    assert isinstance(node, Scalar)
    return node


def refused(text: str) -> str:
    """`line: message` of a text that is no document."""
    with pytest.raises(DocumentError) as caught:
        parse(text)
    return f"{caught.value.line}: {caught.value}"


def test_nothing_is_no_document() -> None:
    """An empty text and one of comments have no root."""
    assert parse("") is None
    assert parse("# only words\n---\n# and a mark\n") == Scalar("", True, None, 4, 0)


@pytest.mark.parametrize("text", ["no", "off", "1:30", "0o17", "2024-01-01", "1e3", "null-ish"])
def test_words_are_not_guessed_at(text: str) -> None:
    """A plain word stays the text that it is, whatever YAML 1.1 would make of it."""
    assert scalar(parsed(f"key: {text}"), "key").text == text


@pytest.mark.parametrize(("text", "null"), [("", True), ("~", True), ("null", True), ("''", False)])
def test_null_is_nothing_said(text: str, null: bool) -> None:
    """Nothing, `~` and `null` are null; an empty text in quotes is a text."""
    assert scalar(parsed(f"key: {text}"), "key").is_null is null


def test_lines_are_those_of_the_editor() -> None:
    """A path's line is that of its key, or of the list's item; what is not there has its parent's."""
    root = parse("a: 1\nb:\n  - x\n  - c:\n      d: 1\n")
    assert line_of(root, ()) == 1
    assert line_of(root, ("b",)) == 2
    assert line_of(root, ("b", 0)) == 3
    assert line_of(root, ("b", 1, "c", "d")) == 5
    assert line_of(root, ("b", 1, "missing")) == 4
    assert line_of(None, ("b",)) is None


def test_paths_read_as_people_write_them() -> None:
    """Keys are joined by dots, indices stand in brackets."""
    assert dotted(("servers", 3, "ssh", "port")) == "servers[3].ssh.port"
    assert dotted(()) == ""


def test_a_key_that_is_given_twice_is_a_flaw() -> None:
    """The second one is noted with the line of the first, and the first one holds."""
    root = parsed("a: 1\nb: 2\na: 3\n")
    assert scalar(root, "a").text == "1"
    assert root.flaws == [("a", 3, "given twice, first in line 1; remove one of them")]


def test_a_key_must_be_a_text() -> None:
    """A list as a key is noted with its line."""
    assert parsed("? [a]\n: b\n").flaws == [("?", 1, "a key must be a text")]


def test_merged_keys_give_way_to_own_ones() -> None:
    """`<<` brings what is not said, wherever it stands, and from several in their order."""
    root = parsed(
        "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {a: 0, <<: [*x, *y]}\nw: {<<: *x, a: 9}"
    )
    for key, said in (("z", {"a": "0", "b": "1", "c": "2"}), ("w", {"a": "9", "b": "1"})):
        node = root.fields[key][1]
        assert isinstance(node, Mapping)
        assert {name: scalar(node, name).text for name in node.fields} == said
        assert node.flaws == []


def test_only_mappings_can_be_merged() -> None:
    """`<<` with a text is noted."""
    assert parsed("<<: x\n").flaws == [("<<", 1, "`<<` takes a mapping, as in `<<: *name`")]


def test_an_alias_is_what_it_refers_to() -> None:
    """The same node stands in both places."""
    root = parsed("a: &x [1]\nb: *x\n")
    assert root.fields["b"][1] is root.fields["a"][1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: b: c", "1: column 5: a `:` stands where none may"),
        ("a: 1\n  b: 2", "2: column 4: a `:` stands where none may"),
        ("a:\n\t- x", "2: column 1: a tab stands in the indentation; use spaces"),
        ("a: 'x", "1: column 6: a quote is not closed (begun in line 1)"),
        (
            "a: [1,\nb: 3",
            "2: at the end: a `[` is not closed, or a `,` is missing (begun in line 1)",
        ),
        ("a: {x: ${FOO}}", '1: column 9: between { and } a ${NAME} needs quotes: "${NAME}"'),
        ("a: @x", "1: column 4: a value cannot begin with this character; put it in quotes"),
        ("- a\nb: c", "2: column 1: a list's items must all begin with `-` in the same column"),
        ("a: 1\n\nb: \x07", "3: a control character stands here, which YAML does not allow"),
        ("é: 1\nb: \x07", "2: a control character"),
        ("a: *x", "1: *x refers to &x, which is not above it"),
        ("a: 1\n--- \nb: 1", "2: a second document begins here (`---`); put everything into one"),
        ("a: \ud800", "1: not a Unicode text"),
    ],
)
def test_what_is_no_yaml_is_said_in_plain_words(text: str, says: str) -> None:
    """Line, column, and what to do."""
    assert refused(text).startswith(says)


def test_a_document_cannot_hold_itself() -> None:
    """An alias within its own anchor is refused."""
    assert refused("a: &x [1, *x]") == "1: *x stands within &x itself"


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_nesting_is_bounded(opening: str) -> None:
    """100,000 levels are refused like the first one too many, and do not exhaust the stack."""
    said = f"1: nested more than {DEPTH_LIMIT} deep; nothing here needs that"
    assert refused(opening * 100_000) == said


def test_nesting_up_to_the_bound_is_read() -> None:
    """The deepest allowed document is one."""
    node = parse("[" * DEPTH_LIMIT + "]" * DEPTH_LIMIT)
    depth = 0
    while isinstance(node, Sequence):
        node, depth = (node.items[0] if node.items else None), depth + 1
    assert depth == DEPTH_LIMIT
    assert refused("[" * (DEPTH_LIMIT + 1) + "]" * (DEPTH_LIMIT + 1)).startswith("1: nested")


def test_a_billion_laughs_are_not_laughed() -> None:
    """A few lines of aliases that stand for more values than the limit are refused."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 10)}]" for i in range(12)]
    assert refused("\n".join(lines)) == "7: more than 2,000,000 values, aliases written out"
