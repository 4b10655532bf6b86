"""Captured answers: replayed as if a server gave them now, and recorded from one that does.

A folder holds `answers.json`, a list of `{"request": …, "ask": …, "answer": …}`:
`request` is the type, `ask` what tells it from others of its type (a script, an address), and `answer` the fields
of the answer; text stands as a list of lines, so that a change shows line by line, other bytes in base64.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from mailvane.core.ports import Clock, Responses, Transport
from mailvane.core.request import (
    Request,
    ShellCommand,
    ShellOutput,
    SqlQuery,
    TcpConnect,
    TcpReach,
    TlsHandshake,
    TlsPeer,
)
from mailvane.core.response import Answered, Reason, Unanswered
from mailvane.core.server import Recorded, Server

FILE = "answers.json"
ENDS = 60
"""Characters at both ends of a script by which it is known again."""
_ANSWERS: Mapping[type[Request[Any]], Any] = {
    ShellCommand: ShellOutput,
    TcpConnect: TcpReach,
    TlsHandshake: TlsPeer,
    SqlQuery: tuple[dict[str, Any], ...],
}


class RecordedTransport:
    """Answers from the folder that the server's reach names."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def send(self, server: Server, requests: Sequence[Request[Any]]) -> Responses:
        """A response for every request; one that was not captured is Unanswered(not_found)."""
        if not isinstance(server.reach, Recorded):
            raise TypeError(f"{server.name} is not recorded")
        entries = _load(server.reach.folder)
        if isinstance(entries, Unanswered):
            return dict.fromkeys(requests, entries)
        return {request: self._response(entries, request) for request in requests}

    def _response(
        self, entries: Mapping[tuple[str, str], Any], request: Request[Any]
    ) -> Answered[Any] | Unanswered:
        entry = entries.get(key(request)) or _alike(entries, request)
        if entry is None:
            detail = f"no answer was captured for {' '.join(key(request))[:120]}"
            return Unanswered(Reason.NOT_FOUND, detail)
        try:
            if "unanswered" in entry:
                return msgspec.convert(entry["unanswered"], Unanswered)
            value = msgspec.convert(_unwritten(entry["answer"]), _ANSWERS[type(request)])
        except (KeyError, ValueError) as error:
            return Unanswered(Reason.PROTOCOL, f"the captured answer has another form: {error}")
        return Answered(value, self._clock())

    async def forget(self, name: str) -> None:
        """Nothing is open."""

    async def close(self) -> None:
        """Nothing is open."""


class Recorder:
    """A transport that also writes what it carries into a folder for each server."""

    def __init__(self, transport: Transport, folder: Path) -> None:
        self._transport = transport
        self._folder = folder

    async def send(self, server: Server, requests: Sequence[Request[Any]]) -> Responses:
        """The transport's own responses, which are recorded."""
        responses = await self._transport.send(server, requests)
        record(self._folder / server.name, responses)
        return responses

    async def forget(self, name: str) -> None:
        """As the transport does; what was recorded stays."""
        await self._transport.forget(name)

    async def close(self) -> None:
        """As the transport does; what was recorded stays."""
        await self._transport.close()


def record(folder: Path, responses: Responses) -> None:
    """The folder replays these responses, beside those that it had; secrets in answers are the caller's care."""
    folder.mkdir(parents=True, exist_ok=True)
    old = _load(folder)
    entries = {} if isinstance(old, Unanswered) else dict(old)
    for request, response in responses.items():
        kind, ask = key(request)
        entry: dict[str, Any] = {"request": kind, "ask": _lines(ask)}
        if isinstance(response, Unanswered):
            entry["unanswered"] = msgspec.to_builtins(response)
        else:
            plain = msgspec.to_builtins(response.value, builtin_types=(bytes,))
            entry["answer"] = _written(plain)
        entries[kind, ask] = entry
    text = json.dumps(list(entries.values()), indent=1, ensure_ascii=False)
    (folder / FILE).write_text(text + "\n")


def key(request: Request[Any]) -> tuple[str, str]:
    """What tells a request from others: its type, and what it asks; never a limit, a time or a secret."""
    match request:
        case ShellCommand():
            ask = request.script
        case TcpConnect():
            ask = request.address
        case TlsHandshake():
            ask = f"{request.address} {request.port} {request.name} {request.starttls}"
        case SqlQuery():
            ask = request.text
        case _:
            ask = ""
    return type(request).__name__, ask


def _alike(entries: Mapping[tuple[str, str], Any], request: Request[Any]) -> Any:
    """The one captured answer to a script that begins and ends as this one does; None when there is none or several.

    A script that reads on from where it stopped has another place in its middle each time.
    """
    if not isinstance(request, ShellCommand) or len(request.script) < 2 * ENDS:
        return None
    start, end = request.script[:ENDS], request.script[-ENDS:]
    found = [e for (_, ask), e in entries.items() if ask.startswith(start) and ask.endswith(end)]
    return found[0] if len(found) == 1 else None


def _load(folder: Path) -> Mapping[tuple[str, str], Any] | Unanswered:
    try:
        entries = json.loads((folder / FILE).read_text())
        return {(entry["request"], _joined(entry["ask"])): entry for entry in entries}
    except OSError as error:
        return Unanswered(Reason.NOT_FOUND, f"{folder / FILE} cannot be read: {error.strerror}")
    except (ValueError, KeyError, TypeError) as error:
        return Unanswered(Reason.PROTOCOL, f"{folder / FILE} is no list of answers: {error}")


def _lines(text: str) -> str | list[str]:
    return text.split("\n") if "\n" in text else text


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "\n".join(text)


def _written(value: Any) -> Any:
    """The value as JSON: bytes become {"text": …} or {"base64": …}."""
    match value:
        case bytes():
            try:
                return {"text": _lines(value.decode())}
            except UnicodeDecodeError:
                return {"base64": base64.b64encode(value).decode()}
        case dict():
            return {name: _written(part) for name, part in value.items()}
        case list() | tuple():
            return [_written(part) for part in value]
        case _:
            return value


def _unwritten(value: Any) -> Any:
    match value:
        case {"text": text, **rest} if not rest:
            return _joined(text).encode()
        case {"base64": str(text), **rest} if not rest:
            return base64.b64decode(text)
        case dict():
            return {name: _unwritten(part) for name, part in value.items()}
        case list():
            return [_unwritten(part) for part in value]
        case _:
            return value
