"""The load check: a captured answer, and limits at, below and above."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailvane.checks.host.load import CHECK, COMMAND, Load
from mailvane.core.errors import GarbledAnswer
from mailvane.core.request import ShellOutput
from mailvane.core.response import Answered, Answers
from mailvane.core.result import Verdict
from mailvane.core.server import Local, Server

ANSWER = (Path(__file__).parents[2] / "answers" / "load" / "debian-12.txt").read_bytes()
NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SERVER = Server(name="mx", hostname="mx.test", reach=Local())


def seen(output: bytes) -> Load:
    """What the check reads from an answer."""
    assert tuple(CHECK.ask(SERVER, None)) == (COMMAND,)
    answers = Answers({COMMAND: Answered(ShellOutput(0, output, b""), NOW)}, NOW)
    return CHECK.read(SERVER, answers, None)


def verdicts(load: Load) -> dict[str, Verdict]:
    """The verdicts by their items."""
    return {one.item: one for one in CHECK.judge(load, CHECK.limits_for(SERVER))}


def answer(load_5min: str = "0.10", processors: str = "2", available: str = "500") -> bytes:
    """A machine with 1,000 kB of memory."""
    return (
        f"load 0.00 {load_5min} 0.00\nMemTotal: 1000\nMemAvailable: {available}\n"
        f"processors {processors}\n"
    ).encode()


def test_a_real_host_is_read() -> None:
    """A lab host on a machine of two processors."""
    load = seen(ANSWER)
    assert load.processors == 2
    assert 0 < load.memory_available_bytes < load.memory_total_bytes
    found = verdicts(load)["memory"]
    assert found.summary == (
        "4 % of 23.5 GiB memory in use (degraded from 90 %, unhealthy above 97 %)"
    )


@pytest.mark.parametrize(
    ("load", "status"),
    [("3.99", "healthy"), ("4.00", "degraded"), ("10.00", "degraded"), ("10.01", "unhealthy")],
)
def test_limits_of_load_are_for_each_processor(load: str, status: str) -> None:
    """On two processors 4 is already degraded, 10 still, and above it unhealthy."""
    assert verdicts(seen(answer(load)))["processors"].status == status


@pytest.mark.parametrize(
    ("available", "status"),
    [("101", "healthy"), ("100", "degraded"), ("30", "degraded"), ("29", "unhealthy")],
)
def test_limits_of_memory(available: str, status: str) -> None:
    """90 % in use is already degraded, 97 % still, and above it unhealthy."""
    assert verdicts(seen(answer(available=available)))["memory"].status == status


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"\xff\xfe",
        answer(processors=""),
        answer("nan"),
        answer("inf"),
        answer("-1"),
        answer(available="1_000"),
        answer(available="9" * 400),
        answer().replace(b"MemTotal: 1000", b"MemTotal: 0"),
        answer().replace(b"MemAvailable", b"MemFree"),
    ],
)
def test_what_is_no_number_is_garbled(output: bytes) -> None:
    """A load of `nan` passes no limit, and so must never be judged."""
    with pytest.raises(GarbledAnswer, match="expected load, processors"):
        seen(output)


WORDS = st.sampled_from(["load", "MemTotal:", "MemAvailable:", "processors", "1", "nan", "\n", "x"])


@given(st.binary(max_size=100) | st.lists(WORDS, max_size=30).map(lambda w: " ".join(w).encode()))
def test_no_answer_breaks_the_check(output: bytes) -> None:
    """Whatever a server writes is read and judged, or garbled."""
    try:
        found = verdicts(seen(output))
    except GarbledAnswer:
        return
    assert set(found) == {"processors", "memory"}


def test_the_command_runs_here() -> None:
    """On the machine of the test it gives an answer that is read."""
    done = subprocess.run(["sh", "-c", COMMAND.script], capture_output=True, check=True, timeout=60)
    assert done.stderr == b""
    assert seen(done.stdout).processors >= 1
