"""Nodes to plain data: texts, lists, mappings; `${NAME}` and `!file` are filled in on the way.

Every value is a text or None here; what it means is for the schema to say.
"""

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailvane.core.redact import redact
from mailvane.settings.files import Files, read_text, why
from mailvane.settings.nodes import KeyPath, Node, Scalar
from mailvane.settings.nodes import Mapping as MappingNode
from mailvane.settings.problems import Problems

FILE_TAG = "!file"
FILE_LIMIT_BYTES = 65_536
_YAML_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")
)
_PLACE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class FromOutside(str):
    """A text of which some came from the environment or a file, and which is therefore never shown."""

    __slots__ = ("written",)
    written: str
    """As it stands in the configuration: `postgresql://${USER}:${PASSWORD}@db/mail`."""

    def __repr__(self) -> str:
        return f"FromOutside({self.written!r})"


def from_outside(text: str, written: str) -> FromOutside:
    """The text, with the mark that it came from outside."""
    value = FromOutside(text)
    value.written = written
    return value


@dataclass(frozen=True, slots=True)
class Outside:
    """What a configuration may refer to."""

    environ: Mapping[str, str]
    files: Files
    problems: Problems

    def data(self, node: Node, path: KeyPath = ()) -> Any:
        """The node as plain data; what could not be had is None, with its problem noted."""
        if node.tag is not None and node.tag not in _YAML_TAGS:
            return self._tagged(node, path)
        match node:
            case Scalar():
                return None if node.is_null else self._filled(node.text, path)
            case MappingNode():
                return self._mapping(node, path)
            case _:
                return [self.data(item, (*path, at)) for at, item in enumerate(node.items)]

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        for key, line, told in node.flaws:
            self.problems.add((*path, key), told, line)
        return {key: self.data(value, (*path, key)) for key, (_, value) in node.fields.items()}

    def _tagged(self, node: Node, path: KeyPath) -> Any:
        if node.tag == FILE_TAG and isinstance(node, Scalar):
            name = self._filled(node.text, path)
            return None if name is None else self._content(name, node.text, path)
        told = f"unknown tag {str(node.tag)[:40]!r}; the only one is `{FILE_TAG} path`"
        self.problems.add(path, told)
        return None

    def _filled(self, text: str, path: KeyPath) -> str | None:
        """The text with its places filled; what is not in the environment is one problem."""
        if "${" not in text:
            return text
        unset: list[str] = []
        odd = False

        def fill(place: re.Match[str]) -> str:
            nonlocal odd
            name, closed = place[1], place[2]
            if name is None:
                return "${"
            if not closed or not _NAME.fullmatch(name):
                odd = True
            elif name not in self.environ:
                unset.append(name)
            return self.environ.get(name, "")

        filled = _PLACE.sub(fill, text)
        if odd:
            self.problems.add(path, _ODD)
        elif unset:
            self.problems.add(path, _unset(unset))
        return None if odd or unset else self._marked(filled, text)

    def _content(self, name: str, written: str, path: KeyPath) -> str | None:
        file = self.files.find(name)
        shown = redact(written if isinstance(name, FromOutside) else str(file))
        try:
            text, mode = read_text(file, FILE_LIMIT_BYTES)
        except (OSError, ValueError) as error:
            told = f"cannot read {shown}: {why(error)}; make it, or correct the path"
            self.problems.add(path, f"{told} (a relative one begins at {self.files.folder})")
            return None
        if mode & stat.S_IROTH:
            told = f"{shown} can be read by everyone on this machine; `chmod o= {shown}`"
            self.problems.warn(path, told)
        return self._marked(text.rstrip("\r\n"), f"{FILE_TAG} {written}")

    def _marked(self, text: str, written: str) -> str:
        """The text with the mark that it came from outside, unless all that it had were escapes."""
        if not written.startswith(FILE_TAG) and "${" not in written.replace("$${", ""):
            return text
        value = from_outside(text, written)
        self.problems.hide(text, sources(value))
        return value


_ODD = "expected ${NAME}, a letter first, then letters, digits and _; `${` itself is written `$${`"


def _unset(names: list[str]) -> str:
    said = " and ".join(dict.fromkeys(names))
    return (
        f"the environment has no {said}; set it where Mailvane is started "
        f"(`export {names[0]}=…`, or `Environment=` in the systemd unit)"
    )


def sources(value: FromOutside) -> str:
    """Where the text came from: `${NAME}`, several of these, or `!file path`."""
    if value.written.startswith(FILE_TAG):
        return value.written
    names = dict.fromkeys(place[1] for place in _PLACE.finditer(value.written) if place[1])
    return ", ".join(f"${{{name}}}" for name in names)
