"""A YAML document as nodes that know their lines."""

from dataclasses import dataclass, field

KeyPath = tuple[str | int, ...]
"""The way to a value: keys of mappings and indices of lists, from 0."""


@dataclass(slots=True)
class Scalar:
    """A text. YAML's own guesses (`no` is false, `1:30` is 90) are not made: the schema decides."""

    text: str
    plain: bool
    """True when it stands without quotes."""
    tag: str | None
    line: int
    """From 1."""
    column: int
    """From 0."""
    size: int = 1

    @property
    def is_null(self) -> bool:
        """True when nothing was said: nothing at all, `~` or `null`."""
        return self.plain and self.text in ("", "~", "null", "Null", "NULL")


@dataclass(slots=True)
class Sequence:
    """A list."""

    tag: str | None
    line: int
    column: int
    flow: bool
    """True when written as `[…]`."""
    end_line: int = 0
    """The last line that it covers, comments apart."""
    end: int = 0
    """Index into the text, just behind the list when it is a flow."""
    size: int = 1
    items: list["Node"] = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    """Keys and values; `<<` is already resolved."""

    tag: str | None
    line: int
    column: int
    flow: bool
    end_line: int = 0
    end: int = 0
    size: int = 1
    fields: dict[str, tuple[Scalar, "Node"]] = field(default_factory=dict)
    """Key -> the key's node and the value's."""
    flaws: list[tuple[str, int, str]] = field(default_factory=list)
    """Key, line and what is wrong with it, such as a key that is given twice."""
    inherited: set[str] = field(default_factory=set)
    """Keys that came through `<<`; an own key replaces them."""


Node = Scalar | Sequence | Mapping


def line_of(root: Node | None, path: KeyPath) -> int | None:
    """The line of the deepest part of the path that is there: of its key, or of the list's item."""
    node, line = root, root.line if root else None
    for step in path:
        match node, step:
            case Mapping(fields=fields), str() if step in fields:
                key, node = fields[step]
                line = key.line
            case Sequence(items=items), int() if step < len(items):
                node = items[step]
                line = node.line
            case _:
                break
    return line


def dotted(path: KeyPath) -> str:
    """The path as people write it: `servers[3].ssh.port`."""
    said = ""
    for step in path:
        said += f"[{step}]" if isinstance(step, int) else f".{step}" if said else step
    return said
