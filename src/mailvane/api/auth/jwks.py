"""The platform's public keys: fetched from a file or over https, kept, and used on while it is away."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from mailvane.api.auth.jws import Header
from mailvane.core.access import PlatformTokens

log = structlog.get_logger()

FETCH_SECONDS = 5.0
SIZE_MAX_BYTES = 1_048_576
KEYS_MAX = 100
KEPT_SECONDS = 600.0
AGAIN_AFTER_SECONDS = 60.0
"""An unknown `kid` makes us look again, but no stranger makes us look more often than this."""
FIRST_AGAIN_AFTER_SECONDS = 5.0
"""As long as there is no key at all."""
RSA_MIN_BYTES = 256

Fetch = Callable[[], Awaitable[bytes]]
_TYPES: dict[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_BY_ALGORITHM = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


class KeysUnavailable(Exception):
    """The keys could not be had; the text says why. Only raised and caught here."""


class PublicKeys:
    """The keys behind a fetch."""

    def __init__(self, fetch: Fetch, ticks: Callable[[], float]) -> None:
        self._fetch = fetch
        self._ticks = ticks
        self._keys: list[Key] = []
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._turn = asyncio.Lock()
        self._renewal: asyncio.Task[None] | None = None

    async def find(self, header: Header) -> Key | None:
        """The key for the header; looks again when it is not known or the keys are old.

        While there are keys, nobody waits for the renewal of old ones.
        """
        if self._old() and self._keys:
            self._renew_aside()
        found = self._pick(header)
        if found is None:
            await self._renew()
            found = self._pick(header)
        return found

    def _old(self) -> bool:
        return self._fetched_at is None or self._ticks() - self._fetched_at >= KEPT_SECONDS

    def _may_try(self) -> bool:
        pause = AGAIN_AFTER_SECONDS if self._keys else FIRST_AGAIN_AFTER_SECONDS
        return self._tried_at is None or self._ticks() - self._tried_at >= pause

    def _renew_aside(self) -> None:
        if self._may_try() and (self._renewal is None or self._renewal.done()):
            self._renewal = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        async with self._turn:
            if not self._may_try():
                return
            self._tried_at = self._ticks()
            try:
                self._keys = _read(await self._fetch())
                self._fetched_at = self._tried_at
            except KeysUnavailable as error:
                log.warning("the platform's keys are away", why=str(error), kept=len(self._keys))

    def _pick(self, header: Header) -> Key | None:
        """The one key with that `kid`; without a `kid`, the one key that there is for the algorithm."""
        kind = _BY_ALGORITHM.get(header.alg[:2])
        fit = [key for key in self._keys if key.key_type == kind and key.alg in (None, header.alg)]
        if header.kid is not None:
            fit = [key for key in fit if key.kid == header.kid]
        return fit[0] if len(fit) == 1 else None


def public_keys(settings: PlatformTokens, ticks: Callable[[], float]) -> PublicKeys:
    """The keys at the settings' `jwks`."""
    place = settings.jwks or ""
    if not place.startswith("https://"):
        return PublicKeys(lambda: asyncio.to_thread(_from_file, Path(place)), ticks)
    context = ssl.create_default_context(
        cafile=str(settings.jwks_ca_file) if settings.jwks_ca_file else None
    )
    return PublicKeys(lambda: _from_url(place, context), ticks)


def _from_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(SIZE_MAX_BYTES + 1)
    except OSError as error:
        raise KeysUnavailable(f"{path}: {error.strerror}") from error


async def _from_url(url: str, context: ssl.SSLContext) -> bytes:
    """What the URL answers at once: no redirects, since those lead to places nobody configured."""
    try:
        async with (
            asyncio.timeout(FETCH_SECONDS),
            httpx.AsyncClient(verify=context, timeout=FETCH_SECONDS) as client,
            client.stream("GET", url, headers={"Accept": "application/json"}) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise KeysUnavailable(f"expected status 200, found {answer.status_code}")
            return await _body(answer)
    except TimeoutError as error:
        raise KeysUnavailable(f"no answer within {FETCH_SECONDS:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise KeysUnavailable(f"{type(error).__name__}: {error}"[:200]) from error


async def _body(answer: httpx.Response) -> bytes:
    body = b""
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > SIZE_MAX_BYTES:
            break
    return body


def _read(body: bytes) -> list[Key]:
    """The usable public keys of a JWKS; those of an unknown kind are passed over (RFC 7517 section 5)."""
    if len(body) > SIZE_MAX_BYTES:
        raise KeysUnavailable(f"expected at most {SIZE_MAX_BYTES} bytes")
    try:
        entries = msgspec.json.decode(body, type=_KeySet).keys
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise KeysUnavailable(f"expected a JSON Web Key Set: {error}"[:200]) from error
    return [key for entry in entries[:KEYS_MAX] if (key := _key(entry))]


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


def _key(entry: dict[str, Any]) -> Key | None:
    kind = _TYPES.get(str(entry.get("kty")))
    if kind is None or entry.get("use", "sig") != "sig":
        return None
    if kind is RSAKey and len(str(entry.get("n", ""))) * 3 // 4 < RSA_MIN_BYTES:
        return None  # fewer than 2048 bits can be factored
    try:
        return kind.import_key(entry)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
