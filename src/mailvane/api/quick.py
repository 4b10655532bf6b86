"""The shortest way to the health document: answered as soon as its request is parsed, without a task.

uvicorn makes a task, an event and two messages for each request; for one whose answer lies ready in bytes that is
most of what it costs. A request that is anything but a plain GET or HEAD of it goes the usual way.
"""

import asyncio
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mailvane.api.fast import FastPath
from mailvane.api.health import PATH

_PATH = PATH.encode()
_WITH_A_BODY = (b"content-length", b"transfer-encoding", b"expect", b"upgrade")
_LINES = {
    code: f"HTTP/1.1 {code} {code.phrase}\r\n".encode()
    for code in (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED)
}
Header = tuple[bytes, bytes]


class _Answered:
    """Stands where uvicorn looks for the request under way: it is over."""

    response_complete = True
    disconnected = False

    def __init__(self) -> None:
        self.message_event = asyncio.Event()


class QuickProtocol(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn speaks it, with a short cut."""

    def on_headers_complete(self) -> None:
        """The request is answered at once, or given to the application."""
        if self.url != _PATH or not self._answered():
            super().on_headers_complete()

    def _answered(self) -> bool:
        if not self._plain():
            return False
        method = self.parser.get_method().decode("ascii")
        answer = cast("FastPath", self.app).answer(method, self.headers)
        if answer is None:
            return False
        start, body = answer
        self.transport.write(self._head(start) + body["body"])
        self.cycle = cast("RequestResponseCycle", _ANSWERED)
        self.on_response_complete()
        return True

    def _plain(self) -> bool:
        """Nothing else is under way, nothing follows the head, and the connection stays open."""
        return (
            not self._under_way()
            and not self.flow.write_paused
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and not any(name in _WITH_A_BODY for name, _ in self.headers)
        )

    def _under_way(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _head(self, start: dict[str, Any]) -> bytes:
        """Status line and headers, as uvicorn writes them; the same until a second is over."""
        every: list[Header] = self.server_state.default_headers
        known_start, known_every, head = _LAST[0]
        if known_start is not start or known_every is not every:
            lines = b"".join(b"%b: %b\r\n" % pair for pair in (*every, *start["headers"]))
            head = _LINES[start["status"]] + lines + b"\r\n"
            _LAST[0] = (start, every, head)
        return head


_ANSWERED = _Answered()
_LAST: list[tuple[dict[str, Any], list[Header], bytes]] = [({}, [], b"")]
"""The head that was made last, and of what; shared by all connections."""
