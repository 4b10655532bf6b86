"""What the log script printed, as values."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailvane.checks.host._log_answer import LogAnswer, parse
from mailvane.core.errors import GarbledAnswer
from mailvane.core.request import ShellOutput

ANSWERS = Path(__file__).parents[2] / "answers" / "log"
REAL = [path.read_bytes() for path in sorted(ANSWERS.glob("*.txt")) if path.stem != "kinds"]


def parsed(output: bytes, error: bytes = b"") -> LogAnswer:
    """The answer in that output."""
    return parse(ShellOutput(0, output, error))


@pytest.mark.parametrize("output", REAL)
def test_a_cut_answer_is_garbled(output: bytes) -> None:
    """An answer without its end is not taken for a quiet log, wherever it was cut."""
    for end in range(0, len(output) - 1, 7):
        with pytest.raises(GarbledAnswer):
            parsed(output[:end])


def test_the_error_is_named() -> None:
    """Without awk the shell's words say so."""
    with pytest.raises(GarbledAnswer, match="awk: not found"):
        parsed(b"", b"sh: 1: awk: not found\n")


def test_what_went_over_the_limit_is_garbled() -> None:
    """Of a truncated answer nothing is believed."""
    with pytest.raises(GarbledAnswer):
        parse(ShellOutput(0, REAL[-1], b"", truncated=True))


def test_a_line_of_the_log_cannot_pass_for_a_count() -> None:
    """What stands in an evidence line stays text, tabs and all."""
    answer = parsed(
        b"now 1795506369 +0000\nline\terror\t7\tNov 24 07:50\tfatal: x\tdone\t9\t9\ndone\t1\t0\n"
    )
    assert answer.lines[0].text == "fatal: x\tdone\t9\t9"
    assert answer.total_lines == 1


@given(st.binary(max_size=300))
def test_no_garbage_breaks_it(garbage: bytes) -> None:
    """Anything at all is an answer or a garbled one."""
    try:
        parsed(garbage)
    except GarbledAnswer:
        return


@given(st.sampled_from(REAL), st.data())
def test_no_change_in_a_real_answer_breaks_it(output: bytes, data: st.DataObject) -> None:
    """A real answer with some bytes changed is an answer or a garbled one."""
    changed = bytearray(output)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed) - 1))
        changed[place : place + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=6))
    try:
        parsed(bytes(changed))
    except GarbledAnswer:
        return
