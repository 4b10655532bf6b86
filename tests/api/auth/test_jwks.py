"""The platform's public keys: fetched seldom, kept while their source is away, never too many."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from mailvane.api.auth.jwks import (
    AGAIN_AFTER_SECONDS,
    FIRST_AGAIN_AFTER_SECONDS,
    KEPT_SECONDS,
    KeysUnavailable,
    PublicKeys,
    public_keys,
)
from mailvane.api.auth.jws import Header
from mailvane.core.access import PlatformTokens

R1 = RSAKey.generate_key(2048, {"kid": "r1"})
R2 = RSAKey.generate_key(2048, {"kid": "r2"})
RS = Header("RS256", "r1")


def _set(*entries: Any) -> bytes:
    dicts = [e if isinstance(e, dict) else e.as_dict(private=False) for e in entries]
    return json.dumps({"keys": dicts}).encode()


class Source:
    """Where the keys are: gives them, is away, or hangs."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.asked = 0
        self.away = False
        self.open = asyncio.Event()
        self.open.set()
        self.now = 0.0

    async def fetch(self) -> bytes:
        """The keys."""
        self.asked += 1
        await self.open.wait()
        if self.away:
            raise KeysUnavailable("away")
        return self.body

    def ticks(self) -> float:
        """Seconds as the test has them."""
        return self.now


@pytest.fixture
def source() -> Source:
    """One key."""
    return Source(_set(R1))


@pytest.fixture
def keys(source: Source) -> PublicKeys:
    """Nothing fetched yet."""
    return PublicKeys(source.fetch, source.ticks)


async def test_keys_are_fetched_once(keys: PublicKeys, source: Source) -> None:
    """Until they are ten minutes old; a crowd at the start makes one fetch."""
    found = await asyncio.gather(*(keys.find(RS) for _ in range(20)))
    assert all(key and key.kid == "r1" for key in found)
    source.now += KEPT_SECONDS - 1
    assert await keys.find(RS)
    assert source.asked == 1


async def test_old_keys_are_renewed_without_making_anyone_wait(
    keys: PublicKeys, source: Source
) -> None:
    """While the source hangs the old ones are used; then the new ones are."""
    await keys.find(RS)
    source.now += KEPT_SECONDS
    source.open.clear()
    assert await keys.find(RS)
    await asyncio.sleep(0)
    assert source.asked == 2
    source.body = _set(R2)
    source.open.set()
    await asyncio.sleep(0.01)
    assert await keys.find(Header("RS256", "r2"))
    assert await keys.find(RS) is None


async def test_old_keys_are_used_on_while_the_source_is_away(
    keys: PublicKeys, source: Source
) -> None:
    """A day without the source; it is tried once a minute, however many ask."""
    await keys.find(RS)
    source.away = True
    source.now += 86_400
    for _ in range(50):
        assert await keys.find(RS)
        await asyncio.sleep(0)
    assert source.asked == 2
    source.now += AGAIN_AFTER_SECONDS
    assert await keys.find(RS)
    await asyncio.sleep(0)
    assert source.asked == 3


async def test_an_unknown_kid_looks_again_at_most_once_a_minute(
    keys: PublicKeys, source: Source
) -> None:
    """A rotated key is found; a thousand invented ones cost one fetch."""
    await keys.find(RS)
    source.body = _set(R1, R2)
    assert await keys.find(Header("RS256", "r2")) is None
    source.now += AGAIN_AFTER_SECONDS
    assert await keys.find(Header("RS256", "r2"))
    source.now += AGAIN_AFTER_SECONDS
    for number in range(1000):
        assert await keys.find(Header("RS256", f"invented {number}")) is None
    assert source.asked == 3


async def test_without_any_key_the_source_is_tried_again_soon(
    keys: PublicKeys, source: Source
) -> None:
    """A source that is away at the start is found five seconds after it is back."""
    source.away = True
    for _ in range(5):
        assert await keys.find(RS) is None
    source.away = False
    assert await keys.find(RS) is None
    assert source.asked == 1
    source.now += FIRST_AGAIN_AFTER_SECONDS
    assert await keys.find(RS)


async def test_a_kid_is_looked_for_among_keys_of_the_right_kind(source: Source) -> None:
    """An EC key never answers for RS256, nor one that is for another algorithm or for encryption."""
    source.body = _set(
        ECKey.generate_key("P-256", {"kid": "e1"}),
        {**R1.as_dict(private=False), "alg": "RS512"},
        {**R2.as_dict(private=False), "use": "enc"},
    )
    keys = PublicKeys(source.fetch, source.ticks)
    for kid in ("e1", "r1", "r2", None):
        assert await keys.find(Header("RS256", kid)) is None
    assert await keys.find(Header("RS512", "r1"))
    assert await keys.find(Header("ES256", "e1"))


async def test_without_a_kid_only_a_single_key_answers(source: Source) -> None:
    """Nobody guesses among several; and two keys of one kid are as good as none."""
    keys = PublicKeys(source.fetch, source.ticks)
    assert await keys.find(Header("RS256"))
    source.body = _set(R1, R2, {**R2.as_dict(private=False), "kid": "r1"})
    several = PublicKeys(source.fetch, source.ticks)
    assert await several.find(Header("RS256")) is None
    assert await several.find(RS) is None


async def test_unusable_entries_do_not_spoil_the_others(source: Source) -> None:
    """Unknown kinds, broken ones, shared secrets and short RSA keys are passed over."""
    short = json.loads(_set(R1))["keys"][0] | {"n": "AQAB" * 20, "kid": "short"}
    source.body = json.dumps(
        {
            "keys": [
                {"kty": "PQ", "kid": "p"},
                {"kid": "nothing"},
                {"kty": "RSA", "kid": "broken", "n": 5, "e": "AQAB"},
                {"kty": "EC", "kid": "odd", "crv": "P-999", "x": "", "y": ""},
                OctKey.generate_key(256, {"kid": "oct"}).as_dict(),
                short,
                R1.as_dict(private=False),
            ]
        }
    ).encode()
    keys = PublicKeys(source.fetch, source.ticks)
    assert await keys.find(RS)
    for kid in ("p", "nothing", "broken", "odd", "oct", "short"):
        for alg in ("RS256", "ES256", "HS256"):
            assert await keys.find(Header(alg, kid)) is None


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"\xff", b"<html>", b'{"keys": 5}', b'{"keys": ["x"]}', b"[" * 100_000],
)
async def test_what_is_no_key_set_leaves_the_old_keys(
    keys: PublicKeys, source: Source, body: bytes
) -> None:
    """Garbage is as good as no answer."""
    await keys.find(RS)
    source.body = body
    source.now += KEPT_SECONDS
    for _ in range(3):
        assert await keys.find(RS)
        await asyncio.sleep(0)
    assert source.asked == 2


async def test_keys_are_read_from_a_file(tmp_path: Path) -> None:
    """A missing one gives none; one that is there gives its keys."""
    path = tmp_path / "keys.json"
    now = [0.0]
    keys = public_keys(PlatformTokens(algorithms=("RS256",), jwks=str(path)), lambda: now[0])
    assert await keys.find(RS) is None
    path.write_bytes(_set(R1))
    now[0] += FIRST_AGAIN_AFTER_SECONDS
    assert await keys.find(RS)


@pytest.fixture
def https(certificate: Any) -> Callable[..., Any]:
    """A real HTTPS server that answers with the given bytes, and counts."""

    @asynccontextmanager
    async def serve(answer: bytes, *, hang: bool = False) -> AsyncIterator[tuple[str, list[int]]]:
        asked: list[int] = []

        async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(1)
            try:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(answer)
                await writer.drain()
                if hang:
                    await reader.read()
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.certificate, certificate.key)
        server = await asyncio.start_server(speak, "127.0.0.1", 0, ssl=context)
        try:
            yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys", asked
        finally:
            server.close()
            await asyncio.sleep(0.05)

    return serve


def _http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _over(url: str, ca: Path | None) -> PublicKeys:
    settings = PlatformTokens(algorithms=("RS256",), jwks=url, jwks_ca_file=ca)
    return public_keys(settings, lambda: 0.0)


async def test_keys_are_fetched_over_https(https: Any, certificate: Any) -> None:
    """From a server whose certificate is trusted, once for two questions."""
    async with https(_http(_set(R1))) as (url, asked):
        keys = _over(url, certificate.certificate)
        assert await keys.find(RS)
        assert await keys.find(RS)
    assert len(asked) == 1


async def test_an_untrusted_server_gives_no_keys(https: Any) -> None:
    """Without its root the certificate is worth nothing."""
    async with https(_http(_set(R1))) as (url, _):
        assert await _over(url, None).find(RS) is None


@pytest.mark.parametrize(
    "answer",
    [
        _http(b"", "302 Found", "Location: https://evil.example.net/keys"),
        _http(_set(R1), "404 Not Found"),
        _http(_set(R1), "500 Internal Server Error"),
        _http(b" " * 1_048_577),
        b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 3_000_000,
        b"not http at all\r\n\r\n",
        b"",
    ],
    ids=["redirect", "404", "500", "too large", "endless", "garbage", "nothing"],
)
async def test_any_other_answer_gives_no_keys(https: Any, certificate: Any, answer: bytes) -> None:
    """Redirects are not followed, errors not read, and nobody makes us read more than a MiB."""
    async with https(answer) as (url, _):
        assert await _over(url, certificate.certificate).find(RS) is None


async def test_a_server_that_hangs_is_left(
    https: Any, certificate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few bytes and then nothing: given up when the time is over."""
    from mailvane.api.auth import jwks

    monkeypatch.setattr(jwks, "FETCH_SECONDS", 0.3)
    async with https(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{", hang=True) as (url, _):
        assert await _over(url, certificate.certificate).find(RS) is None
