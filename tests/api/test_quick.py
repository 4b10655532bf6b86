"""The short cut in front of the application changes nothing but the time."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest

from mailvane.api.quick import QuickProtocol
from mailvane.core.access import Doorway

PATH = "/admin/system/health"
PORTAL = "https://admin.example.com"


def request(
    headers: dict[str, str], method: str = "GET", path: str = PATH, body: str = ""
) -> bytes:
    """A request that keeps the connection open, unless its headers say otherwise."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + f"\r\n\r\n{body}").encode()


class Connection:
    """One open connection, read answer by answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, url: str) -> "Connection":
        """A new connection."""
        where = urlsplit(url)
        return cls(*await asyncio.open_connection(where.hostname, where.port))

    async def send(self, *requests: bytes) -> None:
        """All requests are sent in one go."""
        self._writer.write(b"".join(requests))
        await self._writer.drain()

    async def answer(self, *, bare: bool = False) -> bytes:
        """The next answer without its date; a `bare` one has no body whatever its length says."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.startswith(b"date:")]
        length = next((int(x[16:]) for x in lines if x.startswith(b"content-length: ")), 0)
        body = b"" if bare else await self._reader.readexactly(length)
        return b"\r\n".join(lines) + body

    async def ended(self) -> bool:
        """True when the other side closes without another word."""
        return await self._reader.read() == b""

    async def close(self) -> None:
        """It is closed."""
        self._writer.close()
        await self._writer.wait_closed()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("origin", [None, PORTAL, "https://evil.example.net"])
@pytest.mark.parametrize("known", [False, True])
async def test_every_byte_is_the_same(
    world: Any, method: str, origin: str | None, *, known: bool
) -> None:
    """Status line, headers in their order and body are those that uvicorn itself would send."""
    world.again(Doorway(origins=(PORTAL,)))
    headers = await world.bearer()
    async with world.client(headers=headers) as client:
        etag = (await client.get(PATH)).headers["etag"]
    headers |= {"Origin": origin} if origin else {}
    headers |= {"If-None-Match": etag} if known else {}
    seen = []
    for protocol in ("httptools", QuickProtocol):
        async with world.serving(protocol) as url:
            connection = await Connection.to(url)
            await connection.send(request(headers, method))
            seen.append(await connection.answer(bare=known or method == "HEAD"))
            await connection.close()
    assert seen[0] == seen[1]
    assert seen[0].startswith(b"HTTP/1.1 304 " if known else b"HTTP/1.1 200 ")


async def test_requests_in_one_go_are_answered_in_order(world: Any) -> None:
    """A pipeline of short and long ways keeps its order."""
    headers = await world.bearer()
    async with world.client(headers=headers) as client:
        await client.get(PATH)
    async with world.serving(QuickProtocol) as url:
        connection = await Connection.to(url)
        paths = [PATH, "/healthz", PATH, PATH, "/nowhere", PATH]
        await connection.send(*(request(headers, path=path) for path in paths))
        seen = [(await connection.answer()).split(b" ")[1] for _ in paths]
        await connection.close()
    assert seen == [b"200", b"200", b"200", b"200", b"404", b"200"]


@pytest.mark.parametrize(
    "sent",
    [
        lambda headers: request({**headers, "Connection": "close"}),
        lambda headers: request(headers).replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
    ids=["close", "HTTP/1.0"],
)
async def test_a_connection_that_shall_end_ends(world: Any, sent: Any) -> None:
    """The usual way answers it, and closes."""
    headers = await world.bearer()
    async with world.client(headers=headers) as client:
        await client.get(PATH)
    async with world.serving(QuickProtocol) as url:
        connection = await Connection.to(url)
        await connection.send(sent(headers))
        assert (await connection.answer()).startswith(b"HTTP/1.1 200 ")
        assert await connection.ended()
        await connection.close()


async def test_a_body_is_not_taken_for_the_next_request(world: Any) -> None:
    """A GET with a body is answered once, and what follows it is understood."""
    headers = await world.bearer()
    async with world.client(headers=headers) as client:
        await client.get(PATH)
    smuggled = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with_body = request({**headers, "Content-Length": str(len(smuggled))}, body=smuggled)
    async with world.serving(QuickProtocol) as url:
        connection = await Connection.to(url)
        await connection.send(with_body, request(headers, path="/nowhere"))
        seen = [(await connection.answer()).split(b" ")[1] for _ in range(2)]
        await connection.close()
    assert seen == [b"200", b"404"]


@pytest.mark.parametrize("token", [None, "Bearer nonsense", "Basic eDp5"])
async def test_without_a_good_token_it_is_no_short_cut(world: Any, token: str | None) -> None:
    """401, as on the usual way, and the connection goes on."""
    async with world.serving(QuickProtocol) as url:
        connection = await Connection.to(url)
        for _ in range(2):
            await connection.send(request({"Authorization": token} if token else {}))
            assert (await connection.answer()).startswith(b"HTTP/1.1 401 ")
        await connection.close()
