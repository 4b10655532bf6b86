"""One way in, for three kinds of tokens; and one answer for every token that is not valid."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import OctKey
from joserfc.jwt import encode

from mailvane.api.auth.own import OwnTokens
from mailvane.core.access import Doorway, PlatformTokens
from mailvane.core.accounts import Role
from mailvane.core.secret import Secret
from mailvane.store.accounts import sql_accounts
from mailvane.store.database import Database
from mailvane.store.passwords import Passwords

SHARED = Secret("platform-secret-0123456789abcdef")
DOORWAY = Doorway(
    platform=PlatformTokens(
        algorithms=("HS256",), secret=SHARED, roles={"superadmin": Role.ADMIN, "user": Role.VIEWER}
    )
)


def _platform(world: Any, **more: Any) -> str:
    claims = {"sub": "lee", "role": "user", "exp": int(world.clocks.now.timestamp()) + 600, **more}
    return encode({"alg": "HS256"}, claims, OctKey.import_key(SHARED.reveal()))


async def _me(world: Any, token: str) -> httpx.Response:
    headers = {b"Authorization": b"Bearer " + token.encode("latin-1")}
    async with world.client(headers=headers) as client:
        return await client.get("/api/v1/me")  # type: ignore[no-any-return]


async def test_a_user_an_api_token_and_the_platform_are_let_in(world: Any) -> None:
    """Each says who it is and what it may do."""
    world.again(DOORWAY)
    _, text = await world.accounts.tokens.add("grafana", Role.VIEWER, created_by="kim")
    own = (await world.login(Role.OPERATOR, "kim"))["access_token"]
    seen = [(await _me(world, token)).json() for token in (own, text.reveal(), _platform(world))]
    assert [(one["name"], one["role"], one["kind"]) for one in seen] == [
        ("kim", "operator", "user"),
        ("grafana", "viewer", "api_token"),
        ("lee", "viewer", "platform"),
    ]
    assert seen[1]["expires_at"] is None


async def test_the_scheme_is_written_in_any_case(world: Any) -> None:
    """`bearer` is the same word (RFC 9110 section 11.1)."""
    token = (await world.login())["access_token"]
    async with world.client() as client:
        for scheme in ("bearer", "BEARER"):
            said = await client.get("/api/v1/me", headers={"Authorization": f"{scheme} {token}"})
            assert said.status_code == 200


async def test_every_wrong_token_gets_the_same_answer(world: Any) -> None:
    """Expired, revoked, foreign, unsigned, oversized or absent: one status, one sentence."""
    world.again(DOORWAY)
    own = (await world.login(name="kim"))["access_token"]
    token, text = await world.accounts.tokens.add("grafana", Role.VIEWER, created_by="kim")
    await world.accounts.tokens.revoke("grafana")
    user = await world.accounts.users.find("kim")
    session = await world.accounts.sessions.open(user)
    foreign = OwnTokens(Secret("z" * 64), world.clocks.clock).issue(session).text.reveal()
    wrong = [
        own[:-2],
        own.rpartition(".")[0] + ".",
        text.reveal(),
        f"mvt_{token.id}_guess",
        session.refresh_token.reveal(),
        foreign,
        _platform(world, exp=1),
        _platform(world)[:-2],
        "x" * 8192,
        "x" * 60_000,
        "é",
        "null",
    ]
    answers = [await _me(world, one) for one in wrong]
    async with world.client() as client:
        answers.append(await client.get("/api/v1/me"))
        answers.append(await client.get("/api/v1/me", headers={"Authorization": "Basic eDp4"}))
    assert {one.status_code for one in answers} == {401}
    assert {one.headers["www-authenticate"] for one in answers} == {"Bearer"}
    assert {one.json()["detail"] for one in answers} == {"The token is missing or not valid."}
    assert len({one.text for one in answers}) == 1


async def test_the_platform_cannot_speak_in_our_name(world: Any) -> None:
    """A token that calls itself ours is held against our key, though the platform's fits."""
    world.again(DOORWAY)
    claims = {"iss": "mailvane", "aud": "mailvane-api", "role": "superadmin"}
    assert (await _me(world, _platform(world, **claims))).status_code == 401


async def test_without_a_platform_its_tokens_are_worth_nothing(world: Any) -> None:
    """Nothing is accepted that was not configured."""
    assert (await _me(world, _platform(world))).status_code == 401


async def test_a_role_of_the_platform_that_is_not_mapped_may_do_nothing(world: Any) -> None:
    """403 on use: it is known who asks."""
    world.again(DOORWAY)
    assert (await _me(world, _platform(world, role="stranger"))).status_code == 403


async def test_settings_that_let_anybody_in_stop_the_start(world: Any) -> None:
    """What PlatformTokens.problems() finds is refused once more here."""
    with pytest.raises(ValueError, match="found 'none'"):
        world.again(Doorway(platform=PlatformTokens(algorithms=("none",))))


@pytest.mark.parametrize("change", ["password", "role", "disabled", "removed", "everywhere"])
async def test_what_changes_a_user_voids_his_tokens_within_ten_seconds(
    world: Any, change: str
) -> None:
    """Also when another process does it: the store is asked again after ten seconds."""
    await world.accounts.users.add("boss", "correct horse battery", Role.ADMIN)
    token = (await world.login(name="kim"))["access_token"]
    assert (await _me(world, token)).status_code == 200
    users, kim = world.accounts.users, await world.accounts.users.find("kim")
    await {
        "password": lambda: users.set_password("kim", "another good password"),
        "role": lambda: users.set_role("kim", Role.OPERATOR),
        "disabled": lambda: users.set_disabled("kim", disabled=True),
        "removed": lambda: users.remove("kim"),
        "everywhere": lambda: world.accounts.sessions.close_all(kim.id),
    }[change]()
    world.clocks.advance(10)
    assert (await _me(world, token)).status_code == 401


async def test_an_api_token_dies_within_ten_seconds_of_its_revocation(world: Any) -> None:
    """And at once when it expires."""
    _, text = await world.accounts.tokens.add("grafana", Role.VIEWER, created_by="kim")
    end = world.clocks.now + timedelta(seconds=5)
    _, short = await world.accounts.tokens.add(
        "short", Role.VIEWER, created_by="kim", expires_at=end
    )
    for one in (text, short):
        assert (await _me(world, one.reveal())).status_code == 200
    await world.accounts.tokens.revoke("grafana")
    world.clocks.advance(5)
    assert (await _me(world, short.reveal())).status_code == 401
    world.clocks.advance(5)
    assert (await _me(world, text.reveal())).status_code == 401


async def test_an_access_token_runs_out_after_fifteen_minutes(world: Any) -> None:
    """However often it was used."""
    token = (await world.login())["access_token"]
    for _ in range(89):
        world.clocks.advance(10)
        assert (await _me(world, token)).status_code == 200
    world.clocks.advance(10)
    assert (await _me(world, token)).status_code == 401


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_over_a_real_database_another_process_throws_a_user_out(
    world: Any, request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    """Login, refresh and reading work over real HTTP; what the command line does counts in ten seconds."""
    url = f"sqlite:///{tmp_path}/store.db"
    if kind == "postgresql":
        url = request.getfixturevalue("postgres_database")
    ours, theirs = Database(Secret(url)), Database(Secret(url))
    await ours.open()
    cheap = Passwords(memory_kib=8)
    world.accounts = sql_accounts(ours, world.clocks.clock, cheap)
    world.needs = replace(world.needs, accounts=world.accounts)
    world.again(Doorway())
    await world.accounts.users.add("boss", "correct horse battery", Role.ADMIN)
    tokens = await world.login(Role.VIEWER, "kim")
    async with world.serving() as base, httpx.AsyncClient(base_url=base) as client:
        body = {"refresh_token": tokens["refresh_token"]}
        fresh = (await client.post("/api/v1/auth/refresh", json=body)).json()
        headers = {"Authorization": f"Bearer {fresh['access_token']}"}
        path = "/admin/system/health"
        assert (await client.get(path, headers=headers)).status_code == 200
        other = sql_accounts(theirs, world.clocks.clock, cheap)
        await other.users.set_password("kim", "another good password")
        assert (await client.get(path, headers=headers)).status_code == 200
        world.clocks.advance(10)
        assert (await client.get(path, headers=headers)).status_code == 401
    await ours.close()
    await theirs.close()
