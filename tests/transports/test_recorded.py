"""Answers from a folder, and into one."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailvane.core.ports import Responses
from mailvane.core.request import (
    Request,
    ShellCommand,
    ShellOutput,
    SqlQuery,
    StartTls,
    TcpConnect,
    TcpReach,
    TlsHandshake,
    TlsPeer,
)
from mailvane.core.response import Answered, Reason, Unanswered
from mailvane.core.secret import Secret
from mailvane.core.server import Recorded, Server
from mailvane.transports.recorded import FILE, RecordedTransport, Recorder, record

THEN = datetime(2025, 1, 12, 18, 30, tzinfo=UTC)
NOW = datetime(2025, 2, 1, tzinfo=UTC)
PEER = TlsPeer(
    subject="CN=mx.example",
    issuer="CN=CA",
    names=("mx.example", "10.0.0.1"),
    serial="01",
    not_before=THEN,
    not_after=NOW,
    protocol="TLSv1.3",
    trusted=False,
    trust_error="self-signed certificate",
    name_matches=True,
)
ANSWERS: dict[Request[Any], Any] = {
    ShellCommand("mailq"): ShellOutput(0, b"Mail queue is empty\n", b""),
    ShellCommand("binary"): ShellOutput(1, b"\xff\0\n", b"two\nlines", truncated=True),
    ShellCommand("two\nlines\n"): ShellOutput(0, b"", b""),
    TcpConnect("10.0.0.1", (587,)): TcpReach("10.0.0.1", 587, 0.25, ("port 22 is silent",)),
    TlsHandshake("10.0.0.1", 587, "mx.example", StartTls.SMTP): PEER,
    SqlQuery(Secret("postgresql://u:hunter2@db/x"), "select 1 as n"): ({"n": 1},),
}


def server(folder: Path) -> Server:
    """A recorded server."""
    return Server(name="mx", hostname="mx.example", reach=Recorded(folder))


async def replayed(folder: Path, *requests: Request[Any]) -> Responses:
    """What the folder answers."""
    return await RecordedTransport(lambda: NOW).send(server(folder), requests)


def recorded(folder: Path) -> Path:
    """A folder with all the answers."""
    record(folder, {request: Answered(value, THEN) for request, value in ANSWERS.items()})
    return folder


@pytest.mark.parametrize("request_", ANSWERS, ids=lambda request: type(request).__name__)
async def test_what_was_recorded_is_replayed(tmp_path: Path, request_: Request[Any]) -> None:
    """Every kind of answer comes back as it was, observed now."""
    responses = await replayed(recorded(tmp_path), request_)
    assert responses == {request_: Answered(ANSWERS[request_], NOW)}


async def test_limits_do_not_tell_requests_apart(tmp_path: Path) -> None:
    """The same question with another time limit has the same answer."""
    other = ShellCommand("mailq", timeout_seconds=1, keep_seconds=9)
    assert isinstance((await replayed(recorded(tmp_path), other))[other], Answered)


async def test_a_script_that_reads_on_is_known_again(tmp_path: Path) -> None:
    """Its place in the middle differs each time; two that are alike in this way are not guessed between."""
    scripts = [f"{'a' * 60} {place} {'z' * 60}" for place in (1, 2, 3)]
    said = ShellOutput(0, b"first", b"")
    record(tmp_path, {ShellCommand(scripts[0]): Answered(said, THEN)})
    later = ShellCommand(scripts[2])
    assert (await replayed(tmp_path, later))[later] == Answered(said, NOW)
    record(tmp_path, {ShellCommand(scripts[1]): Answered(said, THEN)})
    assert isinstance((await replayed(tmp_path, later))[later], Unanswered)


async def test_what_was_not_captured_is_not_found(tmp_path: Path) -> None:
    """It is unanswered, and the request is named."""
    request = ShellCommand("uptime")
    response = (await replayed(recorded(tmp_path), request))[request]
    assert isinstance(response, Unanswered)
    assert response.reason is Reason.NOT_FOUND
    assert "ShellCommand uptime" in response.detail


async def test_a_missing_answer_is_recorded_too(tmp_path: Path) -> None:
    """Why there was none comes back as it was."""
    request = ShellCommand("sudo x")
    why = Unanswered(Reason.NOT_PERMITTED, "not allowed", "run it")
    record(tmp_path, {request: why})
    assert await replayed(tmp_path, request) == {request: why}


async def test_recordings_add_up(tmp_path: Path) -> None:
    """A later recording replaces the same question and leaves the others."""
    recorded(tmp_path)
    record(tmp_path, {ShellCommand("mailq"): Answered(ShellOutput(0, b"new", b""), NOW)})
    responses = await replayed(tmp_path, *ANSWERS)
    assert responses[ShellCommand("mailq")] == Answered(ShellOutput(0, b"new", b""), NOW)
    assert all(isinstance(response, Answered) for response in responses.values())


def test_a_recording_can_be_read(tmp_path: Path) -> None:
    """Text stands line by line, and no secret stands anywhere."""
    text = (recorded(tmp_path) / FILE).read_text()
    entries = json.loads(text)
    assert entries[0] == {
        "request": "ShellCommand",
        "ask": "mailq",
        "answer": {
            "status": 0,
            "output": {"text": ["Mail queue is empty", ""]},
            "error": {"text": ""},
            "truncated": False,
        },
    }
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", Reason.PROTOCOL),
        ('{"a": 1}', Reason.PROTOCOL),
        ("[1]", Reason.PROTOCOL),
        ('[{"request": "ShellCommand", "ask": "mailq"}]', Reason.PROTOCOL),
        (
            '[{"request": "ShellCommand", "ask": "mailq", "answer": {"status": "x"}}]',
            Reason.PROTOCOL,
        ),
    ],
)
async def test_a_broken_recording_is_said(tmp_path: Path, text: str, reason: Reason) -> None:
    """A file that is no list of answers, or has one of another form, answers nothing and raises nothing."""
    (tmp_path / FILE).write_text(text)
    request = ShellCommand("mailq")
    response = (await replayed(tmp_path, request))[request]
    assert isinstance(response, Unanswered)
    assert response.reason is reason


async def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    """The file is named."""
    request = ShellCommand("mailq")
    response = (await replayed(tmp_path / "nowhere", request))[request]
    assert isinstance(response, Unanswered)
    assert response.reason is Reason.NOT_FOUND


async def test_a_recorder_carries_and_writes(tmp_path: Path) -> None:
    """It returns what the transport returned; the server's own folder replays it."""

    class One:
        closed = False

        async def send(self, server: Server, requests: Sequence[Request[Any]]) -> Responses:
            del server
            return {request: Answered(ANSWERS[request], THEN) for request in requests}

        async def forget(self, name: str) -> None:
            del name

        async def close(self) -> None:
            self.closed = True

    inner, request = One(), ShellCommand("mailq")
    recorder = Recorder(inner, tmp_path)
    assert await recorder.send(server(tmp_path), [request]) == {
        request: Answered(ANSWERS[request], THEN)
    }
    await recorder.forget("mx")
    await recorder.close()
    assert inner.closed
    assert await replayed(tmp_path / "mx", request) == {request: Answered(ANSWERS[request], NOW)}
