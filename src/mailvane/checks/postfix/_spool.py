"""How many messages lie in Postfix's queue directories, counted without opening one: 0.2 s for 50,000.

The directories are readable by root alone. `find` prints a letter for what it found and where it began;
a letter `d` for each of the four proves that it was there to be looked into.
The file times tell no age: of a deferred message they are the time of its next try.
"""

import re
from collections.abc import Mapping

from mailvane.checks._postconf import QUEUE_DIRECTORY
from mailvane.core.request import Right, ShellCommand
from mailvane.core.response import Answers, Unanswered

QUEUES = ("active", "deferred", "hold", "incoming")

RIGHT = Right(
    argv=(
        "/usr/bin/find",
        *(f"{QUEUE_DIRECTORY}/{queue}" for queue in QUEUES),
        "-ignore_readdir_race",
        "-printf",
        "%y%H_",
    ),
    loses="a queue of more than 2,000 messages is only known to be at least that long",
)
COMMAND = ShellCommand(
    f"{{ $as_root {' '.join(RIGHT.argv)}; printf 'exit %s_' $?; }} | awk -v RS=_ "
    "'{n[$0]++} END {for (what in n) print n[what], what}'",
    right=RIGHT,
    output_limit_bytes=4096,
)


def messages(answers: Answers) -> Mapping[str, int] | None:
    """Messages by queue; None when they could not be counted."""
    response = answers.get(COMMAND)
    if isinstance(response, Unanswered):
        return None
    lines = response.value.output.decode(errors="replace").splitlines()
    split = (re.fullmatch(r"([0-9]{1,9}) (\S.*)", line) for line in lines)
    seen = {found[2]: int(found[1]) for found in split if found}
    looked_into = all(f"d{QUEUE_DIRECTORY}/{queue}" in seen for queue in QUEUES)
    if "exit 0" not in seen or not looked_into:
        return None
    return {queue: seen.get(f"f{QUEUE_DIRECTORY}/{queue}", 0) for queue in QUEUES}
