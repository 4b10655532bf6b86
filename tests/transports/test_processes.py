"""Words about processes on a server."""

from mailvane.transports.processes import (
    MOST_REMEMBERED,
    Process,
    alive_call,
    kill_command,
    named,
    parse,
)

TAIL = Process(12, "345", "tail")
SUDO = Process(11, "344", "sudo")


def test_what_was_printed_is_read() -> None:
    """Number, start and name, one a line; names may hold spaces."""
    assert parse(b"12:345 tail\n13:346 odd (name)\n") == (TAIL, Process(13, "346", "odd (name)"))


def test_lines_of_another_form_are_left_out() -> None:
    """A server cannot make us believe in processes, or in commands."""
    hostile = b"\n12 tail\n;rm:1 x\n-1:2 x\n12:$(x) y\n\xff:1 z\n12:345 tail\n"
    assert parse(hostile) == (TAIL,)


def test_not_without_end() -> None:
    """Of very many, some are remembered."""
    assert len(parse(b"12:345 tail\n" * 1000)) == MOST_REMEMBERED
    assert len(parse(b"12:345 " + b"x" * 1000)[0].name) == 40


def test_they_are_named_for_a_person() -> None:
    """In a sentence, and in the command that ends them."""
    assert named((SUDO, TAIL)) == "process 11 (sudo), process 12 (tail)"
    assert kill_command((SUDO, TAIL)) == "sudo kill -9 11 12"


def test_they_are_looked_for_by_number_and_start() -> None:
    """A later process of the same number is another one."""
    assert alive_call([SUDO, TAIL]).script.endswith("' 11:344 12:345")
