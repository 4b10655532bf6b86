"""What every answer carries, and what every request must keep to."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from mailvane.api import edge
from mailvane.core.access import Doorway

PORTAL = "https://admin.example.com"
PATHS = ("/healthz", "/nowhere", "/api/v1/me", "/admin/system/health", "/api/v1/openapi.json")


@pytest.fixture
async def portal(world: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A page of an allowed origin."""
    world.again(Doorway(origins=(PORTAL,)))
    async with world.client(headers={"Origin": PORTAL}) as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_is_safe_to_open(client: httpx.AsyncClient, path: str) -> None:
    """Errors too: no sniffing, no referrer, no frame, no script, no cache."""
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("origin", [PORTAL, "null", "*"])
async def test_by_default_no_other_origin_may_call(client: httpx.AsyncClient, origin: str) -> None:
    """No header lets a page of another origin read anything, and a preflight is refused."""
    said = await client.get("/healthz", headers={"Origin": origin})
    assert not [name for name in said.headers if name.startswith("access-control")]
    assert (await _preflight(client, origin)).status_code == 403


@pytest.mark.parametrize("path", PATHS)
async def test_an_allowed_origin_may_read_every_answer(
    portal: httpx.AsyncClient, path: str
) -> None:
    """Errors too, so that its page can show them; never with cookies."""
    headers = (await portal.get(path)).headers
    assert headers["access-control-allow-origin"] == PORTAL
    assert headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in headers


async def test_an_allowed_origin_may_send_its_token(portal: httpx.AsyncClient) -> None:
    """The preflight allows the methods and headers that the API has."""
    said = await _preflight(portal, PORTAL)
    assert said.status_code == 204
    assert said.headers["access-control-allow-methods"] == "GET, HEAD, POST"
    assert "Authorization" in said.headers["access-control-allow-headers"]
    assert said.headers["access-control-allow-origin"] == PORTAL


@pytest.mark.parametrize(
    "origin",
    [
        "https://admin.example.com.evil.net",
        "https://evil-admin.example.com",
        "http://admin.example.com",
        "https://admin.example.com:8443",
        "null",
        "",
    ],
)
async def test_an_origin_that_is_nearly_right_is_wrong(
    portal: httpx.AsyncClient, origin: str
) -> None:
    """Scheme, host and port are compared whole; caches are told that the answer varies."""
    said = await portal.get("/healthz", headers={"Origin": origin})
    assert "access-control-allow-origin" not in said.headers
    assert said.headers["vary"] == "Origin"
    assert (await _preflight(portal, origin)).status_code == 403


async def _preflight(client: httpx.AsyncClient, origin: str) -> httpx.Response:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return await client.options("/api/v1/auth/login", headers=headers)


async def test_a_body_of_64_kib_is_read_and_one_byte_more_is_not(client: httpx.AsyncClient) -> None:
    """At the limit the form is looked at (422), above it nothing is (413)."""
    url, headers = "/api/v1/auth/login", {"Content-Type": "application/json"}
    for size, status in ((edge.BODY_MAX_BYTES, 422), (edge.BODY_MAX_BYTES + 1, 413)):
        body = b'{"username":"' + b"x" * (size - 15) + b'"}'
        said = await client.post(url, content=body, headers=headers)
        assert len(body) == size
        assert (said.status_code, said.headers["content-type"]) == (
            status,
            "application/problem+json",
        )


async def test_a_body_that_never_says_its_length_is_cut_off(client: httpx.AsyncClient) -> None:
    """A stream without an end is refused once it is too large."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b"x" * 4096

    headers = {"Content-Type": "application/json"}
    said = await client.post("/api/v1/auth/login", content=endless(), headers=headers)
    assert said.status_code == 413
    assert sent < 30


async def test_a_body_that_does_not_arrive_is_not_waited_for(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over real HTTP: ten bytes promised, one sent, 408 when the time is over."""
    monkeypatch.setattr(edge, "BODY_SECONDS", 0.1)
    async with world.serving() as url:
        port = int(url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 10\r\n\r\n{"
        )
        said = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
    assert said.startswith(b"HTTP/1.1 408 ")
