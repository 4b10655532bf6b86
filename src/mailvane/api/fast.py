"""The way past the framework: the health document for a token that was verified a moment ago.

Everything else, and every doubt, goes the whole way.
"""

from collections.abc import Callable, Iterable

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from mailvane.api.auth.verified import Verified
from mailvane.api.edge import Edge, Origins
from mailvane.api.health import EMPTY, PATH, HealthSource, Prepared, Start


class FastPath:
    """The whole API as an ASGI application."""

    def __init__(
        self,
        http: FastAPI,
        health: HealthSource,
        verified: Verified,
        origins: Origins,
        ticks: Callable[[], float],
    ) -> None:
        self._whole_way = Edge(http, origins)
        self._current = health.current
        self._reads = verified.reads
        self._origins = origins
        self._ticks = ticks
        self.http = http
        """The application behind, for its routes and its OpenAPI document."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The request is answered, the short way if it can be."""
        if scope["type"] == "http" and scope["path"] == PATH:
            answer = self.answer(scope["method"], scope["headers"])
            if answer is not None:
                await send(answer[0])
                await send(answer[1])
                return
        await self._whole_way(scope, receive, send)

    def answer(
        self, method: str, headers: Iterable[tuple[bytes, bytes]]
    ) -> tuple[Start, Start] | None:
        """Both messages of the answer for PATH; None when it takes the whole way to know it."""
        shown = origin = if_none_match = None
        for name, value in headers:
            if name == b"authorization":
                if shown is not None:
                    return None
                shown = value
            elif name == b"origin":
                origin = value
            elif name == b"if-none-match":
                if_none_match = value
        now = self._ticks()
        if shown is None or shown[:7] != b"Bearer " or not self._reads(shown[7:], now):
            return None
        if method not in ("GET", "HEAD") or (ready := self._current(now)) is None:
            return None
        if if_none_match is not None and ready.known_by(if_none_match):
            return ready.start(known=True, more=self._origins.headers(origin)), EMPTY
        start = ready.starts.get(origin) or self._start(ready, origin)
        return start, ready.message if method == "GET" else EMPTY

    def _start(self, ready: Prepared, origin: bytes | None) -> Start:
        """The beginning of a full answer, kept for the next who asks from there."""
        start = ready.start(known=False, more=self._origins.headers(origin))
        if origin is None or self._origins.allows(origin):
            ready.starts[origin] = start
        return start
