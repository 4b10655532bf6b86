"""Logging in, staying in, and leaving."""

from typing import Any

import httpx
import pytest

from mailvane.core.accounts import Role

PASSWORD = "correct horse battery"
NEW = "another good password"


@pytest.fixture
async def kim(world: Any) -> dict[str, Any]:
    """The tokens of kim, who just logged in."""
    return dict(await world.login(Role.OPERATOR, "kim"))


def _bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def _refresh(client: httpx.AsyncClient, tokens: dict[str, Any]) -> httpx.Response:
    body = {"refresh_token": tokens["refresh_token"]}
    return await client.post("/api/v1/auth/refresh", json=body)


async def _login(client: httpx.AsyncClient, **more: str) -> httpx.Response:
    return await client.post(
        "/api/v1/auth/login", json={"username": "kim", "password": PASSWORD, **more}
    )


async def test_a_login_gives_both_tokens(kim: dict[str, Any]) -> None:
    """Fifteen minutes for the one, a week for the other; no cookie unless asked for."""
    assert (kim["token_type"], kim["expires_in"]) == ("Bearer", 900)
    assert kim["expires_at"] == "2025-01-12T18:45:00Z"
    assert kim["session_expires_at"] == "2025-01-19T18:30:00Z"
    assert kim["refresh_token"].startswith("mvr_")
    assert kim["csrf_token"] is None


@pytest.mark.usefixtures("kim")
async def test_wrong_unknown_and_disabled_are_one_answer(
    world: Any, client: httpx.AsyncClient
) -> None:
    """Nobody learns which users there are."""
    await world.login(Role.VIEWER, "lee")
    await world.accounts.users.set_disabled("lee", disabled=True)
    answers = [
        await _login(client, password="wrong password"),
        await _login(client, username="nobody"),
        await _login(client, username="lee"),
        await _login(client, username="kim' --"),
    ]
    assert {one.status_code for one in answers} == {401}
    assert {one.json()["detail"] for one in answers} == {"The user name or the password is wrong."}
    assert len({one.text for one in answers}) == 1


@pytest.mark.usefixtures("kim")
async def test_a_name_is_taken_in_any_case(client: httpx.AsyncClient) -> None:
    """As it is kept."""
    assert (await _login(client, username=" KIM ")).status_code == 200


async def test_a_refresh_gives_the_next_pair(
    client: httpx.AsyncClient, kim: dict[str, Any]
) -> None:
    """Another access token and another refresh token, and both work."""
    said = (await _refresh(client, kim)).json()
    assert said["access_token"] != kim["access_token"]
    assert said["refresh_token"] != kim["refresh_token"]
    assert (await client.get("/api/v1/me", headers=_bearer(said))).json()["name"] == "kim"
    assert (await _refresh(client, said)).status_code == 200


async def test_a_refresh_token_that_was_used_ends_the_login(
    world: Any, client: httpx.AsyncClient, kim: dict[str, Any]
) -> None:
    """The thief and the robbed are both out, access tokens within ten seconds too."""
    said = (await _refresh(client, kim)).json()
    assert (await client.get("/api/v1/me", headers=_bearer(said))).status_code == 200
    assert (await _refresh(client, kim)).status_code == 401
    assert (await _refresh(client, said)).status_code == 401
    world.clocks.advance(10)
    assert (await client.get("/api/v1/me", headers=_bearer(said))).status_code == 401


async def test_a_refresh_shows_the_role_of_now(
    world: Any, client: httpx.AsyncClient, kim: dict[str, Any]
) -> None:
    """A demotion ends the login; the next one has the new role."""
    await world.accounts.users.set_role("kim", Role.VIEWER)
    assert (await _refresh(client, kim)).status_code == 401
    said = (await _login(client)).json()
    assert (await client.get("/api/v1/me", headers=_bearer(said))).json()["role"] == "viewer"


@pytest.mark.parametrize("token", ["", "x", "mvr_", "mvr_0_0", "x" * 256])
async def test_a_refresh_with_garbage_is_401(client: httpx.AsyncClient, token: str) -> None:
    """In the words of every wrong token."""
    said = await _refresh(client, {"refresh_token": token})
    assert (said.status_code, said.json()["detail"]) == (401, "The token is missing or not valid.")


async def test_an_access_token_does_not_refresh(
    client: httpx.AsyncClient, kim: dict[str, Any]
) -> None:
    """Nor is a refresh token let in anywhere."""
    assert (await _refresh(client, {"refresh_token": kim["access_token"][:256]})).status_code == 401
    headers = {"Authorization": f"Bearer {kim['refresh_token']}"}
    assert (await client.get("/api/v1/me", headers=headers)).status_code == 401


async def test_a_logout_ends_this_login_alone(
    world: Any, client: httpx.AsyncClient, kim: dict[str, Any]
) -> None:
    """Both tokens are void at once; another login of the same user goes on."""
    other = await world.login(Role.OPERATOR, "kim")
    assert (await client.post("/api/v1/auth/logout", headers=_bearer(kim))).status_code == 204
    assert (await client.get("/api/v1/me", headers=_bearer(kim))).status_code == 401
    assert (await _refresh(client, kim)).status_code == 401
    assert (await client.get("/api/v1/me", headers=_bearer(other))).status_code == 200


async def test_a_logout_everywhere_ends_all_logins_of_the_user(
    world: Any, client: httpx.AsyncClient, kim: dict[str, Any]
) -> None:
    """At once here; those of others go on."""
    other, lee = await world.login(Role.OPERATOR, "kim"), await world.login(Role.VIEWER, "lee")
    for tokens in (other, lee):
        assert (await client.get("/api/v1/me", headers=_bearer(tokens))).status_code == 200
    said = await client.post("/api/v1/auth/logout-everywhere", headers=_bearer(kim))
    assert said.status_code == 204
    for tokens in (kim, other):
        assert (await client.get("/api/v1/me", headers=_bearer(tokens))).status_code == 401
        assert (await _refresh(client, tokens)).status_code == 401
    assert (await client.get("/api/v1/me", headers=_bearer(lee))).status_code == 200


async def _change(client: httpx.AsyncClient, tokens: dict[str, Any], **more: str) -> httpx.Response:
    body = {"current_password": PASSWORD, "new_password": NEW, **more}
    return await client.post("/api/v1/auth/password", json=body, headers=_bearer(tokens))


async def test_a_new_password_ends_all_logins(
    client: httpx.AsyncClient, kim: dict[str, Any]
) -> None:
    """The old password and the old tokens are void, the new password lets in."""
    assert (await _change(client, kim)).status_code == 204
    assert (await client.get("/api/v1/me", headers=_bearer(kim))).status_code == 401
    assert (await _refresh(client, kim)).status_code == 401
    assert (await _login(client)).status_code == 401
    assert (await _login(client, password=NEW)).status_code == 200


async def test_only_who_knows_the_password_changes_it(
    client: httpx.AsyncClient, kim: dict[str, Any]
) -> None:
    """A stolen access token is not enough, and cannot guess without end."""
    codes = [
        (await _change(client, kim, current_password="wrong password")).status_code
        for _ in range(12)
    ]
    assert codes == [403] * 10 + [429] * 2


@pytest.mark.parametrize(
    ("password", "says"),
    [("elevenchars", "at least 12 characters"), ("KIM", "at least 12"), ("", "at least 12")],
)
async def test_an_unfit_password_is_refused_with_the_reason(
    client: httpx.AsyncClient, kim: dict[str, Any], password: str, says: str
) -> None:
    """The old one stays."""
    said = await _change(client, kim, new_password=password)
    assert said.status_code == 422
    assert says in said.json()["detail"]
    assert (await _login(client)).status_code == 200


@pytest.mark.parametrize("path", ["logout", "logout-everywhere", "password"])
async def test_a_program_has_no_login_to_end(
    world: Any, client: httpx.AsyncClient, path: str
) -> None:
    """An API token is told that this needs somebody who logged in."""
    _, text = await world.accounts.tokens.add("grafana", Role.ADMIN, created_by="kim")
    said = await client.post(
        f"/api/v1/auth/{path}",
        json={"current_password": "x", "new_password": NEW},
        headers={"Authorization": f"Bearer {text.reveal()}"},
    )
    assert said.status_code == 403
    assert "logged in" in said.json()["detail"]
