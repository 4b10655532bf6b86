"""Errors are problem+json: one sentence, nothing of what was sent, no traces."""

from typing import Any

import httpx
import pytest

SECRET = "s3cr3t-canary"


async def test_an_unknown_address_and_a_wrong_method_are_said(client: httpx.AsyncClient) -> None:
    """404 and 405 in the same form, 405 with what is allowed."""
    missing = await client.get("/api/v1/nowhere")
    assert missing.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this address.",
    }
    wrong = await client.delete("/api/v1/me")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")
    assert wrong.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body",
    [
        {"username": "kim"},
        {"username": "kim", "password": [SECRET]},
        {"username": "kim", "password": SECRET * 100},
        {"username": "kim", "password": "x", "extra": SECRET},
        {"username": "kim", "password": SECRET, "session": SECRET},
        [SECRET],
        SECRET,
    ],
)
async def test_a_wrong_form_says_where_and_repeats_nothing(
    client: httpx.AsyncClient, body: Any
) -> None:
    """422 names the places; what was sent, perhaps a password, is not in it."""
    said = await client.post("/api/v1/auth/login", json=body)
    assert said.status_code == 422
    assert said.headers["content-type"] == "application/problem+json"
    assert said.json()["errors"][0]["place"].startswith("body")
    assert SECRET not in said.text


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 5000, b'{"a":' * 3000, b""])
async def test_what_is_no_json_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    """Cut off, binary, nested without end, or nothing: 4xx in the usual form."""
    headers = {"Content-Type": "application/json"}
    said = await client.post("/api/v1/auth/login", content=body, headers=headers)
    assert said.status_code in (400, 422)
    assert said.headers["content-type"] == "application/problem+json"


async def test_a_form_of_another_type_is_refused(client: httpx.AsyncClient) -> None:
    """A plain HTML form of another page cannot log anybody in."""
    said = await client.post("/api/v1/auth/login", data={"username": "kim", "password": "x"})
    assert said.status_code == 422


async def test_a_bug_shows_no_trace(world: Any) -> None:
    """500 says that the log knows more; neither the error nor its text is in the answer."""
    headers = await world.bearer()

    def broken() -> None:
        raise RuntimeError(SECRET)

    world.fleet.servers = broken
    async with world.client(headers=headers) as client:
        said = await client.get("/api/v1/servers")
    assert said.status_code == 500
    assert said.json()["title"] == "Internal Server Error"
    assert SECRET not in said.text
    assert "RuntimeError" not in said.text
    assert said.headers["x-content-type-options"] == "nosniff"
