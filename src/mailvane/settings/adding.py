"""A server written into a configuration's text; comments, order and everything else stay."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import yaml

from mailvane.core.errors import Problem, SettingsError
from mailvane.settings.document import DocumentError, parse
from mailvane.settings.drafting import section
from mailvane.settings.model.server import ServerSection
from mailvane.settings.nodes import Mapping as MappingNode
from mailvane.settings.nodes import Node, Scalar, Sequence
from mailvane.settings.problems import Problems
from mailvane.settings.wording import quoted

_BY_HAND = "it cannot be added here without changing something else; write it by hand"


def append_server(text: str, server: Mapping[str, Any], file: str = "mailvane.yaml") -> str:
    """The text with the server as the last of its `servers`; values are written as they are given.

    Raises SettingsError when the text is no configuration, the server is not one or has a name that is
    taken, or `servers` is written so that nothing can be added. `file` is the name for errors.
    """
    root = _root(text, file)
    entry = _entry(server)
    _check(entry, root, Problems(file, root))
    added = _inserted(text, root, entry, file)
    if not _says(added, _expected(root, entry)):
        _refuse(file, _BY_HAND)
    return added


def _says(text: str, expected: Any) -> bool:
    try:
        return bool(_plain(parse(text)) == expected)
    except DocumentError:
        return False


def _root(text: str, file: str) -> MappingNode | None:
    try:
        root = parse(text)
    except DocumentError as error:
        problem = Problem(f"{file}:{error.line}", "", str(error))
    else:
        if root is None or (isinstance(root, Scalar) and root.is_null):
            return None
        if isinstance(root, MappingNode):
            return root
        problem = Problem(file, "", "expected a mapping with keys such as `servers:`")
    raise SettingsError([problem])


def _refuse(file: str, told: str) -> NoReturn:
    raise SettingsError([Problem(file, "servers", told)])


def _check(entry: str, root: MappingNode | None, problems: Problems) -> None:
    """Raises SettingsError when the entry is no server, or its name is taken."""
    data = _given(_only(entry))
    known = _servers(root)
    name = data.get("name") if isinstance(data, dict) else None
    for at, node in enumerate(known.items if isinstance(known, Sequence) else ()):
        if isinstance(node, MappingNode) and "name" in node.fields:
            other = node.fields["name"][1]
            if isinstance(other, Scalar) and other.text == name:
                told = f"there is a server {quoted(other.text)} already; take another name"
                problems.add(("servers", at, "name"), told)
    if known is not None and not isinstance(known, Sequence) and not _is_null(known):
        problems.add(("servers",), "expected a list (a line with `- ` for each server)")
    section(ServerSection, data, (), problems)
    problems.raise_if_any()


def _given(node: Node) -> Any:
    """The data; what the environment fills in later is left out."""
    match node:
        case Scalar():
            return None if node.is_null or "${" in node.text else node.text
        case Sequence():
            return [_given(item) for item in node.items]
        case _:
            return {key: _given(value) for key, (_, value) in node.fields.items()}


def _entry(server: Mapping[str, Any]) -> str:
    """The server as an item of a block list; what a key holds stands on the key's line."""
    lines = [f"{_flow(key)}: {_flow(value)}" for key, value in server.items() if value is not None]
    return "".join(f"{'- ' if at == 0 else '  '}{line}\n" for at, line in enumerate(lines))


def _flow(value: Any) -> str:
    dumped = yaml.safe_dump(
        _simple(value), default_flow_style=True, sort_keys=False, allow_unicode=True, width=2**20
    )
    return dumped.removesuffix("\n").removesuffix("\n...")


def _simple(value: Any) -> Any:
    match value:
        case Mapping():
            return {str(key): _simple(part) for key, part in value.items() if part is not None}
        case list() | tuple():
            return [_simple(part) for part in value]
        case Path():
            return str(value)
        case _:
            return value


def _only(entry: str) -> Node:
    node = parse(entry)
    return node.items[0] if isinstance(node, Sequence) else Scalar("", True, None, 1, 0)


def _servers(root: MappingNode | None) -> Node | None:
    return root.fields["servers"][1] if root and "servers" in root.fields else None


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.is_null


def _inserted(text: str, root: MappingNode | None, entry: str, file: str) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    indent = root.column if root else 0
    servers = _servers(root)
    if root and root.flow:
        _refuse(file, "the whole file stands in { }; write it with one key a line first")
    if root is None or servers is None:
        whole = "servers:\n" + _indented(entry, 2)
        return _ended(text, newline) + _with(_indented(whole, indent), newline)
    if isinstance(servers, Sequence) and servers.flow and servers.items:
        return _into_flow(text, servers, _flow(yaml.safe_load(entry)[0]))
    if isinstance(servers, Sequence) and not servers.flow:
        line, indent = _last_line(text, servers), servers.column
    else:
        text, line, indent = _emptied(text, servers), root.fields["servers"][0].line, indent + 2
    return _at_line(text, line, _with(_indented(entry, indent), newline), newline)


def _into_flow(text: str, servers: Sequence, entry: str) -> str:
    before, after = text[: servers.end - 1], text[servers.end - 1 :]
    comma = "" if before.rstrip().endswith(",") else ","
    return f"{before.rstrip()}{comma} {entry}{after}"


def _last_line(text: str, servers: Sequence) -> int:
    """The line behind which the next server goes: comments within the last one stay with it."""
    lines = text.split("\n")
    line = servers.end_line
    while line < len(lines) and re.match(rf" {{{servers.column + 1},}}#", lines[line]):
        line += 1
    return line


def _emptied(text: str, value: Node) -> str:
    """The text without the `~`, `null` or `[]` that says there are no servers."""
    lines = text.split("\n")
    start = sum(len(line) + 1 for line in lines[: value.line - 1]) + value.column
    end = start + len(value.text) if isinstance(value, Scalar) else value.end
    if start == end:
        return text
    return text[:start].rstrip(" ") + text[end:]


def _at_line(text: str, line: int, added: str, newline: str) -> str:
    lines = _ended(text, newline).split("\n")
    return "\n".join(lines[:line]) + "\n" + added + "\n".join(lines[line:])


def _ended(text: str, newline: str) -> str:
    return text if not text or text.endswith("\n") else text + newline


def _indented(text: str, by: int) -> str:
    return re.sub("^(?=.)", " " * by, text, flags=re.MULTILINE)


def _with(text: str, newline: str) -> str:
    return text.replace("\n", newline)


def _plain(node: Node | None) -> Any:
    """What the node says, without where and how."""
    match node:
        case Scalar():
            return (node.tag, None if node.is_null else node.text)
        case Sequence():
            return [_plain(item) for item in node.items]
        case MappingNode():
            return {key: _plain(value) for key, (_, value) in node.fields.items()}
        case _:
            return {}


def _expected(root: MappingNode | None, entry: str) -> Any:
    """What the new text must say: all that the old one said, and the server."""
    servers = _servers(root)
    before = _plain(servers) if isinstance(servers, Sequence) else []
    return {**_plain(root), "servers": [*before, _plain(_only(entry))]}
