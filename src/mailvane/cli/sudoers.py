"""Rights as lines of a sudoers file: absolute path, exactly these arguments, no wildcards.

The rules of quoting are those of sudoers(5): `,`, `:`, `=`, `#`, blanks and backslashes are escaped with a
backslash. The arguments are then compared as a shell pattern (fnmatch(3)), in which a backslash quotes
the letter behind it: what must stand there as itself is quoted for the pattern first, then for the file.
An empty string as the only argument means: no arguments.
"""

import re
from collections.abc import Iterable, Sequence

from mailvane.cli.asked import Needed
from mailvane.core.errors import MailvaneError
from mailvane.core.request import Right

FILE = "/etc/sudoers.d/mailvane"
_NAME = re.compile(r"[a-z_][a-z0-9_.-]{0,31}\$?")
_LEXED = re.compile(r"([,:=# ])")
_PATTERN = re.compile(r"([*?\[\]])")


class NotSayable(MailvaneError):
    """A user or command that no sudoers line can name safely."""


def user_name(text: str) -> str:
    """The name, if it is one that useradd takes; raises NotSayable otherwise."""
    if not _NAME.fullmatch(text):
        raise NotSayable(f"expected a user name such as monitor, found {text!r}")
    return text


def sudoers_line(user: str, right: Right) -> str:
    """The line that lets the user run exactly this command as root without a password."""
    path, arguments = right.argv[0], right.argv[1:]
    if not path.startswith("/"):
        raise NotSayable(f"expected a command with an absolute path, found {path!r}")
    words = [_escaped(path), *map(_escaped, arguments)] if arguments else [_escaped(path), '""']
    return f"{user_name(user)} ALL=(root) NOPASSWD: {_no_expression(' '.join(words))}"


def sudoers_file(user: str, server: str, rights: Sequence[Needed]) -> Iterable[str]:
    """The whole file, each right with what is lost without it."""
    yield f"# {FILE} on {server}: what Mailvane may run as root there, word for word."
    for needed in rights:
        about = f"# {', '.join(needed.checks)}: without it {needed.right.loses}"
        yield about.rstrip("\\")  # a backslash would go on with the next line
        yield sudoers_line(user, needed.right)


def _escaped(word: str) -> str:
    if not word or not word.isprintable():
        raise NotSayable(f"sudoers cannot name the argument {word!r}")
    pattern = _PATTERN.sub(r"\\\1", word.replace("\\", "\0"))
    return _LEXED.sub(r"\\\1", pattern).replace("\0", r"\\\\")


def _no_expression(command: str) -> str:
    """Arguments that begin with `^` would be taken for a regular expression since sudo 1.9.10."""
    path, _, arguments = command.partition(" ")
    return f"{path} \\{arguments}" if arguments.startswith("^") else command
