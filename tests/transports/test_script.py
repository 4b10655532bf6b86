"""The frame, as text that goes out and as bytes that come back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailvane.transports.script import (
    FLOOD_AT_LEAST_BYTES,
    Call,
    Frame,
    frame_text,
    mark,
    ping_text,
    preamble,
)

NONCE = "0123456789abcdef0123456789abcdef"
SMALL = Call("x", limit_bytes=10)


def framed(*calls: Call, output: bytes = b"", error: bytes = b"") -> Frame:
    """A frame that has been fed those bytes, each stream at once."""
    frame = Frame(NONCE, calls)
    frame.feed(output, error=False)
    frame.feed(error, error=True)
    return frame


def test_scripts_go_out_quoted() -> None:
    """What a script holds never ends the word that it stands in."""
    text = frame_text(NONCE, [Call("echo 'it'; rm -rf /", "sudo -n")])
    assert text == (
        b"_mv_nonce=0123456789abcdef0123456789abcdef\n"
        b"""_mv 'sudo -n' 'echo '"'"'it'"'"'; rm -rf /'\n"""
    )


def test_a_path_goes_out_quoted() -> None:
    """A PATH with a space or a quote stays one word."""
    assert "PATH='/a b'\n" in preamble("/a b")


def test_an_answer_is_what_stands_before_its_mark() -> None:
    """Output, error and status of each call are exact, with and without a last newline."""
    frame = framed(
        Call("a"),
        Call("b"),
        output=b"one\n" + mark(NONCE) + b"two" + mark(NONCE, 3),
        error=mark(NONCE) + b"oops\n" + mark(NONCE, 3),
    )
    assert frame.complete
    assert (frame.output(0).status, frame.output(0).output, frame.output(0).error) == (
        0,
        b"one\n",
        b"",
    )
    assert (frame.output(1).status, frame.output(1).output, frame.output(1).error) == (
        3,
        b"two",
        b"oops\n",
    )


def test_an_answer_needs_both_marks() -> None:
    """A call has not ended while standard error may still bring something."""
    frame = framed(Call("a"), output=b"one" + mark(NONCE))
    assert frame.answered == 0
    frame.feed(mark(NONCE), error=True)
    assert frame.answered == 1


def test_marks_of_another_batch_are_output() -> None:
    """A mark with any other nonce ends nothing."""
    old = mark("f" * 32)
    frame = framed(Call("a"), output=old + mark(NONCE), error=mark(NONCE))
    assert frame.output(0).output == old


def test_a_mark_that_is_not_at_a_line_start_is_output() -> None:
    """The nonce within a line, as `set` would show a variable, ends nothing."""
    said = f"_mv_nonce={NONCE} 0\n".encode()
    frame = framed(Call("a"), output=said + mark(NONCE), error=mark(NONCE))
    assert frame.output(0).output == said


@pytest.mark.parametrize("length", [9, 10, 11, 500])
def test_output_is_cut_at_the_limit(length: int) -> None:
    """Up to the limit all is kept; one byte more is dropped and said."""
    frame = framed(SMALL, output=b"x" * length + mark(NONCE), error=mark(NONCE))
    assert frame.output(0).output == b"x" * min(10, length)
    assert frame.output(0).truncated is (length > 10)


def test_error_has_the_same_limit() -> None:
    """A long standard error is cut and makes the answer truncated, too."""
    frame = framed(SMALL, output=mark(NONCE), error=b"x" * 11 + mark(NONCE))
    assert frame.output(0).error == b"x" * 10
    assert frame.output(0).truncated


def test_a_limit_is_for_one_call() -> None:
    """A call that was cut leaves the next one its whole room."""
    frame = framed(
        SMALL,
        SMALL,
        output=b"x" * 99 + mark(NONCE) + b"short" + mark(NONCE),
        error=mark(NONCE) + mark(NONCE),
    )
    assert frame.output(1).output == b"short"
    assert not frame.output(1).truncated


def test_a_flood_is_known_while_it_runs() -> None:
    """More than four times the limit and 4 MiB is a flood, as long as the call has not ended."""
    frame = Frame(NONCE, [SMALL])
    frame.feed(b"x" * FLOOD_AT_LEAST_BYTES, error=True)
    assert not frame.flooded
    frame.feed(b"x" * 100, error=True)
    assert frame.flooded
    frame.feed(mark(NONCE), error=True)
    frame.feed(mark(NONCE), error=False)
    assert not frame.flooded


def test_a_large_limit_moves_the_flood() -> None:
    """A command that may say much floods only at four times that."""
    assert Call("x", limit_bytes=2**21).flood_bytes == 2**23


def test_a_flood_takes_no_memory() -> None:
    """Of endless output the frame holds the limit and a mark's length."""
    frame = Frame(NONCE, [SMALL])
    for _ in range(50):
        frame.feed(b"x" * 100_000, error=False)
    stream = frame._output
    assert len(stream._kept) + len(stream._pending) < 60


def test_what_comes_after_the_last_mark_is_dropped() -> None:
    """A process in the background that goes on writing fills nothing."""
    frame = framed(Call("a"), output=mark(NONCE) + b"late" * 1000, error=mark(NONCE))
    assert frame.output(0).output == b""
    assert len(frame._output._pending) == 0


def test_a_ping_is_one_mark_and_no_process() -> None:
    """The ping is a shell built-in that prints what ends an answer on standard output."""
    assert ping_text(NONCE) == rb"printf '\n%s 0\n' " + NONCE.encode() + b"\n"


@given(
    st.lists(st.tuples(st.binary(max_size=60), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(1, 40),
)
def test_cutting_the_stream_anywhere_changes_nothing(
    parts: list[tuple[bytes, int]], step: int
) -> None:
    """Any bytes come out as they went in, in whatever pieces they arrive."""
    frame = Frame(NONCE, [Call("x")] * len(parts))
    stream = b"".join(output + mark(NONCE, status) for output, status in parts)
    for start in range(0, len(stream), step):
        frame.feed(stream[start : start + step], error=False)
        frame.feed(stream[start : start + step], error=True)
    seen = [frame.output(index) for index in range(frame.answered)]
    assert [(one.output, one.status) for one in seen] == parts
    assert [(one.error, one.status) for one in seen] == parts
