"""The reference page of the command line, written from the commands."""

import re
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

INTRO = """\
<!-- Made from the code by `make docs`; change it there. -->

# The command line

`mailvane COMMAND --help` says the same as this page.
`mailvane --install-completion` teaches your shell to complete commands, options and the names of servers.
`python -m mailvane` is the same as `mailvane`.

What went wrong is said on standard error in plain sentences.
A configuration's problems are told one a line, as `file:line: key: message`.
Standard output holds nothing but what was asked for, so that it can be piped.
Colour goes to terminals only; `NO_COLOR=1` switches it off there too, `FORCE_COLOR=1` on everywhere.
Control characters that a server wrote are never printed.
`MAILVANE_DEBUG=1` adds the trace to a message that says "this is a bug in Mailvane".
"""

FORMS = """\
### As JSON

`mailvane check --json` prints one object: what `GET /admin/system/health` says, of the servers that were asked.
It has no `components.api`, `database` or `redis`, since no service was asked.
`reports` is added: each server's report in full.
Its keys are those of `GET /api/v1/servers/NAME`, without the runbooks.
What is not known is `null`.
Keys are added, never renamed or removed.

    mailvane check --json | jq -r '.components.mailServer.queue'
    mailvane check --json | jq -r '.reports[].results[] | select(.status != "healthy") | .summary'

### As a monitoring plug-in

`mailvane check --plugin` prints one line for Nagios, Icinga, Naemon, Checkmk and others.
Its form is that of the Monitoring Plugins Development Guidelines.

    MAILVANE DEGRADED - mail-va: 150 messages queued | 'mail-va queue_messages'=150;100;500;0

Each metric stands in the performance data with the limits in force as warning and critical range.
A metric that is not known is `U`.
Units are `s`, `%` and `B`.
The line keeps under 8 KiB, where Nagios cuts it off.
Metrics that do not fit are left out whole, and the text says how many.
Let the monitoring system wait longer than `--timeout`.
"""


def reference() -> str:
    """docs/reference/cli.md: every command with its arguments, options and what it does."""
    from mailvane.cli import app

    return "\n".join([INTRO, *_pages(get_command(app), ("mailvane",))]).rstrip() + "\n"


def commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The command and all below it, each with its words."""
    yield words, command
    for name in getattr(command, "commands", ()):
        yield from commands(command.get_command(None, name), (*words, name))


def _pages(root: Any, words: tuple[str, ...]) -> Iterator[str]:
    for path, command in commands(root, words):
        yield f"## `{' '.join(path)}`\n"
        yield f"    {_usage(path, command)}\n"
        yield _sentences(command.help or "") + "\n"
        if rows := list(_rows(command)):
            yield "| | default | |\n|---|---|---|"
            yield "\n".join(rows) + "\n"
        if path[1:] == ("check",):
            yield FORMS


def _usage(path: tuple[str, ...], command: Any) -> str:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    shown = [_argument(param) for param in arguments]
    below = ["COMMAND"] if hasattr(command, "commands") else []
    return " ".join([*path, "[OPTIONS]", *shown, *below])


def _argument(param: Any) -> str:
    name = (param.metavar or param.name.upper()) + ("..." if param.nargs == -1 else "")
    return name if param.required else f"[{name}]"


def _sentences(text: str) -> str:
    """The text with one sentence a line, as it was written."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join("\n".join(line.strip() for line in part.splitlines()) for part in paragraphs)


def _rows(command: Any) -> Iterator[str]:
    for param in command.params:
        if param.name == "help":
            continue
        name = _argument(param) if param.param_type_name == "argument" else _option(param)
        about = " ".join((param.help or "").split())
        if variable := getattr(param, "envvar", None):
            about += f" Also from the environment: `{variable}`."
        yield f"| `{name}` | {_default(param)} | {about} |"


def _option(param: Any) -> str:
    value = "" if param.is_flag else f" {param.metavar or _choices(param)}"
    return f"{', '.join(param.opts)}{value}"


def _choices(param: Any) -> str:
    choices = param.type_descriptor.choices
    return "\\|".join(str(choice.value) for choice in choices) if choices else "VALUE"


def _default(param: Any) -> str:
    value = param.default
    if value is None or value is False or callable(value) or "argument" in param.param_type_name:
        return ""
    return f"`{getattr(value, 'value', value)}`"
