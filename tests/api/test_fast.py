"""The fast path gives the same answers as the whole way, and only to whom it may."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from joserfc.jwk import OctKey
from joserfc.jwt import encode

from mailvane.core.access import Doorway, PlatformTokens
from mailvane.core.accounts import Role
from mailvane.core.errors import StoreUnavailable
from mailvane.core.result import Report
from mailvane.core.secret import Secret

PATH = "/admin/system/health"
PORTAL = "https://admin.example.com"


async def _raw(url: str, method: str, headers: dict[str, str]) -> bytes:
    """The whole answer as it comes over the wire, without the date."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    lines = [f"{method} {PATH} HTTP/1.1", "Host: x", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    said = await reader.read()
    writer.close()
    await writer.wait_closed()
    return b"\r\n".join(line for line in said.split(b"\r\n") if not line.startswith(b"date:"))


def _cut_off(world: Any) -> None:
    """From now on the whole way is a wall: only the fast path can answer."""

    async def wall(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 599, "headers": []})
        await send({"type": "http.response.body", "body": b"the whole way"})

    world.api._whole_way = wall


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("origin", [None, PORTAL, "https://evil.example.net"])
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("origins", [(), (PORTAL,)])
async def test_both_ways_give_the_same_bytes(
    world: Any, method: str, origin: str | None, origins: tuple[str, ...], *, known: bool
) -> None:
    """Over real HTTP: status, every header in its order, and the body."""
    world.again(Doorway(origins=origins))
    headers = await world.bearer()
    async with world.client() as client:
        etag = (await client.get(PATH, headers=await world.bearer(name="other"))).headers["etag"]
    if origin is not None:
        headers["Origin"] = origin
    if known:
        headers["If-None-Match"] = etag
    async with world.serving() as url:
        whole_way = await _raw(url, method, headers)
        _cut_off(world)
        fast = await _raw(url, method, headers)
    assert whole_way.startswith(b"HTTP/1.1 304 " if known else b"HTTP/1.1 200 ")
    assert b"x-content-type-options: nosniff" in fast
    assert fast == whole_way


async def test_a_token_is_verified_the_whole_way_first(world: Any) -> None:
    """The first request with a token goes the whole way, the next ones do not."""
    headers = await world.bearer()
    async with world.client(headers=headers) as client:
        assert (await client.get(PATH)).status_code == 200
        _cut_off(world)
        assert (await client.get(PATH)).status_code == 200


async def test_after_ten_seconds_a_token_is_verified_in_full_again(world: Any) -> None:
    """Just before, the fast path answers; at ten seconds the whole way is taken."""
    headers = await world.bearer()
    async with world.client(headers=headers) as client:
        await client.get(PATH)
        _cut_off(world)
        world.clocks.advance(9.9)
        assert (await client.get(PATH)).status_code == 200
        world.clocks.advance(0.1)
        assert (await client.get(PATH)).status_code == 599


async def test_a_token_that_runs_out_sooner_is_not_kept_longer(world: Any) -> None:
    """With three seconds left the table keeps it for three seconds."""
    headers = await world.bearer()
    async with world.client(headers=headers) as client:
        world.clocks.advance(15 * 60 - 3)
        assert (await client.get(PATH)).status_code == 200
        world.clocks.advance(3)
        assert (await client.get(PATH)).status_code == 401


async def test_a_demotion_elsewhere_is_noticed_within_ten_seconds(world: Any) -> None:
    """Another process disables the user: the token dies at the next full verification."""
    await world.accounts.users.add("boss", "correct horse battery", Role.ADMIN)
    headers = await world.bearer(Role.VIEWER)
    async with world.client(headers=headers) as client:
        assert (await client.get(PATH)).status_code == 200
        await world.accounts.users.set_disabled("viewer", disabled=True)
        world.clocks.advance(10)
        assert (await client.get(PATH)).status_code == 401


async def test_a_logout_here_is_noticed_at_once(world: Any) -> None:
    """The table forgets the user's tokens with the logout."""
    headers = await world.bearer()
    async with world.client(headers=headers) as client:
        await client.get(PATH)
        assert (await client.post("/api/v1/auth/logout")).status_code == 204
        assert (await client.get(PATH)).status_code == 401


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Basic {token}", "{token}", "Bearer {token}x", "Bearer  {token}"],
)
async def test_a_header_that_is_nearly_right_goes_the_whole_way(
    world: Any, authorization: str
) -> None:
    """Anything but the exact token is left to the whole way, which says 401."""
    token = (await world.login())["access_token"]
    async with world.client() as client:
        right = {"Authorization": f"Bearer {token}"}
        assert (await client.get(PATH, headers=right)).status_code == 200
        wrong = {"Authorization": authorization.format(token=token)}
        assert (await client.get(PATH, headers=wrong)).status_code == 401


async def test_two_authorization_headers_are_refused_on_both_ways(world: Any) -> None:
    """Nobody has to guess which of them counts."""
    token = (await world.login())["access_token"]
    headers = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]
    async with world.client() as client:
        await client.get(PATH, headers=headers[:1])
        assert (await client.get(PATH, headers=headers)).status_code == 401


async def test_another_method_goes_the_whole_way(world: Any) -> None:
    """POST to the document is 405, with a token or without."""
    headers = await world.bearer()
    async with world.client(headers=headers) as client:
        await client.get(PATH)
        assert (await client.post(PATH)).status_code == 405


async def test_a_token_that_may_do_nothing_is_refused_each_time(world: Any) -> None:
    """A platform's token without a role of ours is known, and never opens the fast path."""
    key = Secret("platform-secret-0123456789")
    world.again(Doorway(platform=PlatformTokens(algorithms=("HS256",), secret=key)))
    claims = {"sub": "lee", "exp": int(world.clocks.now.timestamp()) + 600}
    token = encode({"alg": "HS256"}, claims, OctKey.import_key(key.reveal()))
    async with world.client(headers={"Authorization": f"Bearer {token}"}) as client:
        for _ in range(2):
            assert (await client.get(PATH)).status_code == 403
        _cut_off(world)
        assert (await client.get(PATH)).status_code == 599


async def test_a_deleted_report_is_collected_on_the_whole_way(world: Any) -> None:
    """The fast path never answers without a report and never waits for one itself."""
    headers = await world.bearer()
    async with world.client(headers=headers) as client:
        await client.get(PATH)
        world.clocks.advance(0.1)
        world.fleet.drop("mail-va")
        said = await client.get(PATH)
    assert said.json()["components"]["mailServer"]["status"] == "healthy"
    assert world.fleet.collected == 1


async def test_a_change_is_seen_on_the_fast_path(
    world: Any, make_report: Callable[..., Report]
) -> None:
    """The document is made anew without the framework."""
    headers = await world.bearer()
    async with world.client(headers=headers) as client:
        await client.get(PATH)
        _cut_off(world)
        world.clocks.advance(0.3)
        world.fleet.put(make_report("mail-va", world.clocks.now, "unhealthy"))
        assert (await client.get(PATH)).json()["status"] == "unhealthy"


async def test_with_the_store_away_health_can_still_be_read(world: Any) -> None:
    """A token seen minutes ago reads on; it may do no more than read, and not for ever."""
    headers = await world.bearer(Role.ADMIN)

    async def away(_: str) -> None:
        raise StoreUnavailable("connection refused by 10.0.0.5")

    async with world.client(headers=headers) as client:
        await client.get(PATH)
        world.accounts.sessions.standing = away
        world.store_away[0] = True
        world.clocks.advance(20)
        said = await client.get(PATH)
        assert said.status_code == 200
        assert (await client.post("/api/v1/servers/mail-va/sweep")).status_code == 403
        world.clocks.advance(280)
        said = await client.get(PATH)
        assert said.status_code == 503
        assert said.headers["retry-after"] == "5"
        assert "10.0.0.5" not in said.text


async def test_with_the_store_away_nobody_new_is_let_in(world: Any) -> None:
    """A token that was never seen is 503: neither let in nor called wrong."""
    headers = await world.bearer()

    async def away(_: str) -> None:
        raise StoreUnavailable("away")

    world.accounts.sessions.standing = away
    async with world.client(headers=headers) as client:
        assert (await client.get(PATH)).status_code == 503
