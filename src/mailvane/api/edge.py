"""What every answer carries and every request must keep to: headers, origins, size and time of bodies."""

import asyncio
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailvane.api.problems import problem

Headers = list[tuple[bytes, bytes]]

BODY_MAX_BYTES = 65_536
BODY_SECONDS = 10.0
PREFLIGHT_SECONDS = 600
SECURITY: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
_PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"GET, HEAD, POST"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, If-None-Match"),
    (b"access-control-max-age", str(PREFLIGHT_SECONDS).encode()),
]


class Origins:
    """The web applications of other origins that may call the API; cookies are never theirs to use."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(origin.rstrip("/").lower().encode() for origin in allowed)

    def allows(self, origin: bytes | None) -> bool:
        """True for a configured origin; never for `null` or none."""
        return origin is not None and origin in self._allowed

    def headers(self, origin: bytes | None) -> Headers:
        """What an answer to that origin carries, after its own headers, on every way out."""
        if not self._allowed:
            return SECURITY
        vary = [(b"vary", b"Origin")]
        if not self.allows(origin):
            return [*SECURITY, *vary]
        return [
            *SECURITY,
            *vary,
            (b"access-control-allow-origin", origin or b""),
            (b"access-control-expose-headers", b"ETag, Retry-After"),
        ]


class Edge:
    """The outermost layer of all that is not answered from prepared bytes."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The request is answered with the headers that every answer carries."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        origin = header(scope, b"origin")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _complete(message, self._origins.headers(origin))
            await send(message)

        if _is_preflight(scope, origin):
            await self._preflight(origin, scope, receive, send_with_headers)
            return
        await self._app(scope, _Body(scope, receive), send_with_headers)

    async def _preflight(
        self, origin: bytes | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if not self._origins.allows(origin):
            await problem(403, "This origin is not allowed to call the API.")(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 204, "headers": list(_PREFLIGHT)})
        await send({"type": "http.response.body", "body": b""})


class _Body:
    """Receives a request's body, within a size and a time."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self._left = BODY_MAX_BYTES
        self._deadline: float | None = None
        self._complete = False
        self._declared = header(scope, b"content-length")

    async def __call__(self) -> Message:
        if self._complete:
            return await self._receive()
        if self._declared is not None and int(self._declared) > BODY_MAX_BYTES:
            raise _too_large()
        message = await self._in_time()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise _too_large()
        self._complete = not message.get("more_body", False)
        return message

    async def _in_time(self) -> Message:
        loop = asyncio.get_running_loop()
        if self._deadline is None:
            self._deadline = loop.time() + BODY_SECONDS
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._receive()
        except TimeoutError as error:
            raise HTTPException(408, "The body did not arrive in time.") from error


def header(scope: Mapping[str, Any], name: bytes) -> bytes | None:
    """The value of the first header of that name (lower case)."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


def _is_preflight(scope: Scope, origin: bytes | None) -> bool:
    asks = header(scope, b"access-control-request-method")
    return scope["method"] == "OPTIONS" and origin is not None and asks is not None


def _complete(message: MutableMapping[str, Any], more: Headers) -> None:
    """What more the answer carries; nothing is kept by anyone unless the answer says so itself."""
    own: Headers = list(message.get("headers", ()))
    names = {name for name, _ in own}
    store = [] if b"cache-control" in names else [(b"cache-control", b"no-store")]
    message["headers"] = [*own, *store, *more]


def _too_large() -> HTTPException:
    return HTTPException(413, f"The body may have at most {BODY_MAX_BYTES} bytes.")
