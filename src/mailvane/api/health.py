"""The health document as prepared bytes: read often, made seldom, never waiting for a sweep that was done."""

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mailvane.api.dependencies import Dependencies
from mailvane.api.edge import Headers, header
from mailvane.core.health import Outlook, document
from mailvane.core.ports import Clock, Fleet
from mailvane.core.region import Region

PATH = "/admin/system/health"
AGED_AFTER_SECONDS = 1.0
"""Ages in the document grow: it is made anew after so long, when somebody reads it."""
CHANGED_AFTER_SECONDS = 0.25
"""A fleet of a thousand changes all the time: it is made anew at most four times a second."""
REST = 20.0
REST_MAX_SECONDS = 2.0
"""After making it, twenty times as long is made no other: a large fleet costs at most a twentieth of a core."""
LOOK_AGAIN_AFTER_SECONDS = 0.02
"""So often at most the fleet is asked whether anything changed."""
_PASSING = re.compile(rb'"(?:timestamp|ageSeconds|responseTime)":(?:"[^"]*"|[^,}]*)')
"""What differs in every document and says nothing new."""

Start = dict[str, Any]
EMPTY = {"type": "http.response.body", "body": b""}


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the document is made with, beside the reports; a reload may change it."""

    regions: Sequence[Region]
    fresh_for_seconds: float


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that only has to be sent."""

    body: bytes
    etag: bytes
    full: Headers
    """The document's own headers."""
    unchanged: Headers
    """Those of 304."""
    message: Start
    """The body, as a message of ASGI."""
    starts: dict[bytes | None, Start] = field(default_factory=dict)
    """Beginnings of full answers on the fast path, by origin."""

    def start(self, *, known: bool, more: Headers = []) -> Start:  # noqa: B006  never changed
        """The beginning of the answer: 304 for who has the document already, else 200."""
        headers = [*(self.unchanged if known else self.full), *more]
        return {
            "type": "http.response.start",
            "status": 304 if known else 200,
            "headers": headers,
        }

    def known_by(self, if_none_match: bytes | None) -> bool:
        """True when the reader's If-None-Match names this document (weak comparison, RFC 9110)."""
        if if_none_match is None:
            return False
        named = {tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")}
        return b"*" in named or self.etag.removeprefix(b"W/") in named


def prepared(body: bytes) -> Prepared:
    """The document ready to be sent, with a weak ETag over what is not merely time passing."""
    digest = hashlib.sha256(_PASSING.sub(b"", body)).hexdigest()[:20]
    etag = b'W/"' + digest.encode() + b'"'
    unchanged = [(b"etag", etag), (b"cache-control", b"private, no-cache")]
    length = str(len(body)).encode()
    full = [(b"content-type", b"application/json"), (b"content-length", length), *unchanged]
    return Prepared(body, etag, full, unchanged, {"type": "http.response.body", "body": body})


class HealthSource:
    """Makes the document from what the fleet knows, and keeps it for as long as it is true."""

    def __init__(
        self,
        fleet: Fleet,
        dependencies: Dependencies,
        conditions: Callable[[], Conditions],
        clock: Clock,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fleet = fleet
        self._dependencies = dependencies
        self._conditions = conditions
        self._clock = clock
        self._ticks = ticks
        self._made: Prepared | None = None
        self._made_at = 0.0
        self._made_of = -1
        self._rest_seconds = 0.0
        self._good_until = 0.0
        self._looked_at = -1
        self._complete = False

    def current(self, now: float) -> Prepared | None:
        """The document as it is now, at once; None when a server has no report and must be waited for.

        `now` is in ticks.
        """
        if now < self._good_until:
            return self._made
        version = self._fleet.version()
        if version != self._looked_at:
            self._complete, self._looked_at = self._all_reported(), version
        if not self._complete:
            return None
        lasts = AGED_AFTER_SECONDS if version == self._made_of else CHANGED_AFTER_SECONDS
        if self._made is None or now - self._made_at >= max(lasts, self._rest_seconds):
            self._make(version, now)
        self._good_until = now + LOOK_AGAIN_AFTER_SECONDS
        return self._made

    async def read(self) -> Prepared:
        """The document as it is now; waits for servers that have no report, as long as a sweep may take."""
        await self._dependencies.seen_once()
        if ready := self.current(self._ticks()):
            return ready
        await self._fleet.collect()
        version, now = self._fleet.version(), self._ticks()
        young = now - self._made_at < AGED_AFTER_SECONDS
        if self._made and version == self._made_of and young:
            return self._made
        return self._make(version, now)

    def _all_reported(self) -> bool:
        return all(self._fleet.report(server.name) for server in self._fleet.servers())

    def _make(self, version: int, now: float) -> Prepared:
        servers, conditions = self._fleet.servers(), self._conditions()
        reports = {s.name: report for s in servers if (report := self._fleet.report(s.name))}
        said = document(
            Outlook(
                servers=servers,
                reports=reports,
                dependencies=self._dependencies.current(),
                regions=conditions.regions,
                now=self._clock(),
                fresh_for_seconds=conditions.fresh_for_seconds,
            )
        )
        self._made = prepared(msgspec.json.encode(said))
        self._made_at, self._made_of = now, version
        self._rest_seconds = min(REST_MAX_SECONDS, REST * (self._ticks() - now))
        return self._made


class PreparedResponse(Response):
    """A prepared document as the answer of a route."""

    def __init__(self, ready: Prepared) -> None:
        super().__init__()
        self._ready = ready

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The same messages as on the fast path."""
        del receive
        known = self._ready.known_by(header(scope, b"if-none-match"))
        await send(self._ready.start(known=known))
        bare = known or scope["method"] == "HEAD"
        await send(EMPTY if bare else self._ready.message)
