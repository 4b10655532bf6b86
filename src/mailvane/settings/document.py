"""Text to nodes: YAML, with a bound on everything.

The parser's events are put together here, without recursion: PyYAML's own composer follows nesting on
the C stack, where 100,000 brackets end the process.
"""

from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

from mailvane.core.words import plural
from mailvane.settings.nodes import Mapping, Node, Scalar, Sequence

SIZE_LIMIT_BYTES = 32 * 2**20
"""10,000 servers with ten lines each are 4 MB."""
DEPTH_LIMIT = 32
"""The deepest key of the schema lies eight deep."""
NODE_LIMIT = 2_000_000
"""Counted with every alias written out, so that a few lines cannot stand for billions."""
MERGE = "<<"


class DocumentError(Exception):
    """The text is not one YAML document within the limits; `line` is where, from 1."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(message)


def parse(text: str) -> Node | None:
    """The document's root node, None when there is nothing in it; raises DocumentError."""
    composer = _Composer()
    for event in _events(text):
        composer.take(event)
    return composer.root


def _events(text: str) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=yaml.CBaseLoader)
    except yaml.MarkedYAMLError as error:
        problem = _in_plain_words(error, text)
    except yaml.reader.ReaderError as error:
        problem = _unreadable(error, text)
    except UnicodeEncodeError as error:
        problem = DocumentError(_line_at(text, error.start), "not a Unicode text")
    else:
        return
    raise problem


class _Composer:
    """Puts events together to nodes."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[Sequence | Mapping] = []
        self._keys: list[Node | None] = []
        self._anchors: dict[str, Node] = {}
        self._names: list[str | None] = []
        self._last_line = 1

    def take(self, event: yaml.Event) -> None:
        """The event is part of the document."""
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._begin(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._end(event)
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.DocumentStartEvent() if self.root is not None:
                _refuse(event, "a second document begins here (`---`); put everything into one")

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        start, end = _marks(event)
        ends_a_line = end.column == 0 and end.line > start.line
        self._last_line = end.line if ends_a_line else end.line + 1
        node = Scalar(event.value, not event.style, event.tag, start.line + 1, start.column)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._attach(node, event)

    def _begin(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        if len(self._open) >= DEPTH_LIMIT:
            _refuse(event, f"nested more than {DEPTH_LIMIT} deep; nothing here needs that")
        kind = Mapping if isinstance(event, yaml.MappingStartEvent) else Sequence
        mark, _ = _marks(event)
        self._open.append(kind(event.tag, mark.line + 1, mark.column, bool(event.flow_style)))
        self._keys.append(None)
        self._names.append(event.anchor)

    def _end(self, event: yaml.Event) -> None:
        node, name = self._open.pop(), self._names.pop()
        self._keys.pop()
        _, mark = _marks(event)
        if node.flow:
            self._last_line = mark.line + 1
        node.end, node.end_line = mark.index, self._last_line
        if name:
            self._anchors[name] = node
        self._attach(node, event)

    def _alias(self, event: yaml.AliasEvent) -> None:
        if event.anchor in self._names:
            _refuse(event, f"*{event.anchor} stands within &{event.anchor} itself")
        if event.anchor not in self._anchors:
            _refuse(event, f"*{event.anchor} refers to &{event.anchor}, which is not above it")
        self._last_line = _marks(event)[0].line + 1
        self._attach(self._anchors[event.anchor], event)

    def _attach(self, node: Node, event: yaml.Event) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.size += node.size
        if parent.size > NODE_LIMIT:
            _refuse(event, f"more than {plural(NODE_LIMIT, 'value')}, aliases written out")
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif (key := self._keys[-1]) is None:
            self._keys[-1] = node
        else:
            self._keys[-1] = None
            _enter(parent, key, node)


def _enter(mapping: Mapping, key: Node, value: Node) -> None:
    """The value stands under its key; a flaw is noted and does not stop the reading."""
    if not isinstance(key, Scalar):
        mapping.flaws.append(("?", key.line, "a key must be a text"))
    elif key.text == MERGE and key.plain:
        _merge(mapping, value)
    elif key.text in mapping.fields and key.text not in mapping.inherited:
        first = mapping.fields[key.text][0].line
        told = f"given twice, first in line {first}; remove one of them"
        mapping.flaws.append((key.text, key.line, told))
    else:
        mapping.fields[key.text] = (key, value)
        mapping.inherited.discard(key.text)


def _merge(mapping: Mapping, value: Node) -> None:
    """What `<<` refers to stands under the mapping's own keys; those win wherever they stand."""
    for source in value.items if isinstance(value, Sequence) else [value]:
        if not isinstance(source, Mapping):
            told = "`<<` takes a mapping, as in `<<: *name`"
            mapping.flaws.append((MERGE, value.line, told))
            continue
        new = source.fields.keys() - mapping.fields.keys()
        mapping.fields.update((name, source.fields[name]) for name in source.fields if name in new)
        mapping.inherited |= new


def _refuse(event: yaml.Event, message: str) -> NoReturn:
    raise DocumentError(_marks(event)[0].line + 1, message)


def _marks(event: yaml.Event) -> tuple[Any, Any]:
    """Where the event begins and ends; libyaml's parser marks every one."""
    return event.start_mark, event.end_mark


def _line_at(text: str, index: int) -> int:
    return text.count("\n", 0, index) + 1


def _unreadable(error: yaml.reader.ReaderError, text: str) -> DocumentError:
    line = text.encode(errors="replace").count(b"\n", 0, max(0, error.position)) + 1
    return DocumentError(line, "a control character stands here, which YAML does not allow")


_PLAIN_WORDS = (
    ("cannot start any token", "a value cannot begin with this character; put it in quotes"),
    (
        "mapping values are not allowed",
        "a `:` stands where none may; indent the line like the one above it, or put the text in quotes",
    ),
    ("could not find expected ':'", "a key without `:`"),
    (
        "did not find expected key",
        "the indentation fits no line above; keys of one mapping begin in the same column",
    ),
    (
        "did not find expected '-' indicator",
        "a list's items must all begin with `-` in the same column",
    ),
    ("did not find expected ',' or ']'", "a `[` is not closed, or a `,` is missing"),
    ("did not find expected ',' or '}'", "a `{` is not closed, or a `,` is missing"),
    ("did not find expected node content", "a value is missing here"),
    ("found unexpected end of stream", "a quote is not closed"),
    ("did not find expected <document start>", "text follows after the end of the document"),
    (
        "block sequence entries are not allowed",
        "a `-` stands where no list may begin; indent it, or begin a new line after the key",
    ),
)


def _in_plain_words(error: yaml.MarkedYAMLError, text: str) -> DocumentError:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return DocumentError(1, "not a YAML document")
    lines = text.split("\n")
    if mark.line >= len(lines):  # The end of the text is marked as a line of its own.
        return DocumentError(len(lines), f"at the end: {_told(error, lines[-1])}")
    line = lines[mark.line]
    return DocumentError(mark.line + 1, f"column {mark.column + 1}: {_told(error, line)}")


def _told(error: yaml.MarkedYAMLError, line: str) -> str:
    problem = error.problem or "not YAML"
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "a tab stands in the indentation; use spaces"
    if "${" in line and "{" in line.replace("${", ""):
        return 'between { and } a ${NAME} needs quotes: "${NAME}"'
    begun = f" (begun in line {error.context_mark.line + 1})" if error.context_mark else ""
    words = next((words for sign, words in _PLAIN_WORDS if sign in problem), problem)
    return words + begun
