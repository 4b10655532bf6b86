"""A browser keeps its refresh token where no script reads it, and no other page can use it."""

from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from mailvane.core.access import Doorway
from mailvane.core.accounts import Role

LOGIN = {"username": "kim", "password": "correct horse battery", "session": "cookie"}
REFRESH = "/api/v1/auth/refresh"


@pytest.fixture
async def kim(world: Any) -> None:
    """A user."""
    await world.accounts.users.add("kim", LOGIN["password"], Role.VIEWER)


async def _login(client: httpx.AsyncClient, **more: Any) -> httpx.Response:
    said = await client.post("/api/v1/auth/login", json=LOGIN, **more)
    assert said.status_code == 200
    return said


@pytest.mark.usefixtures("kim")
async def test_the_token_is_in_the_cookie_and_not_in_the_body(client: httpx.AsyncClient) -> None:
    """HttpOnly, SameSite=Strict, for the auth routes alone, as long as the session."""
    said = await _login(client)
    morsel = SimpleCookie(said.headers["set-cookie"])["mailvane_refresh"]
    assert morsel["httponly"] is True
    assert morsel["samesite"] == "strict"
    assert morsel["path"] == "/api/v1/auth"
    assert morsel["max-age"] == str(7 * 86_400)
    assert morsel["secure"] == ""
    assert said.json()["refresh_token"] is None
    assert morsel.value not in said.text


@pytest.mark.usefixtures("kim")
async def test_over_https_the_cookie_never_leaves_it(world: Any) -> None:
    """Secure, when our proxy says that the browser speaks https."""
    world.again(Doorway(proxies=("127.0.0.1",)))
    async with world.client() as client:
        said = await _login(client, headers={"X-Forwarded-Proto": "https"})
    assert SimpleCookie(said.headers["set-cookie"])["mailvane_refresh"]["secure"] is True


@pytest.mark.usefixtures("kim")
async def test_the_cookie_with_its_proof_gives_the_next_tokens(client: httpx.AsyncClient) -> None:
    """And the next cookie; again and again."""
    said = await _login(client)
    for _ in range(3):
        before = client.cookies["mailvane_refresh"]
        headers = {"X-CSRF-Token": said.json()["csrf_token"]}
        said = await client.post(REFRESH, headers=headers)
        assert said.status_code == 200
        assert client.cookies["mailvane_refresh"] != before


@pytest.mark.usefixtures("kim")
@pytest.mark.parametrize("proof", [None, "", "x", "0" * 64])
async def test_the_cookie_alone_is_worth_nothing(
    client: httpx.AsyncClient, proof: str | None
) -> None:
    """Another page can make a browser send it, but cannot know the proof; the session goes on."""
    right = (await _login(client)).json()["csrf_token"]
    headers = {} if proof is None else {"X-CSRF-Token": proof}
    assert (await client.post(REFRESH, headers=headers)).status_code == 401
    assert (await client.post(REFRESH, headers={"X-CSRF-Token": right})).status_code == 200


@pytest.mark.usefixtures("kim")
async def test_the_proof_of_one_session_does_not_open_another(world: Any) -> None:
    """A planted cookie or a proof of one's own does not fit."""
    async with world.client() as one, world.client() as other:
        await _login(one)
        proof = (await _login(other)).json()["csrf_token"]
        assert (await one.post(REFRESH, headers={"X-CSRF-Token": proof})).status_code == 401


@pytest.mark.usefixtures("kim")
async def test_a_logout_takes_the_cookie_away(client: httpx.AsyncClient) -> None:
    """It is empty and over, and what it held is void."""
    said = (await _login(client)).json()
    kept = client.cookies["mailvane_refresh"]
    headers = {"Authorization": f"Bearer {said['access_token']}"}
    out = await client.post("/api/v1/auth/logout", headers=headers)
    morsel = SimpleCookie(out.headers["set-cookie"])["mailvane_refresh"]
    assert (morsel.value, morsel["max-age"]) == ("", "0")
    assert "mailvane_refresh" not in client.cookies
    again = {"X-CSRF-Token": said["csrf_token"], "Cookie": f"mailvane_refresh={kept}"}
    assert (await client.post(REFRESH, headers=again)).status_code == 401
