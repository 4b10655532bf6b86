"""Passwords cannot be tried without end, and trying locks nobody else out."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from mailvane.api.auth.attempts import WAITING_MAX
from mailvane.core.access import Doorway
from mailvane.core.accounts import Role

LOGIN = "/api/v1/auth/login"


@pytest.fixture
async def kim(world: Any) -> dict[str, str]:
    """What kim logs in with."""
    await world.accounts.users.add("kim", "correct horse battery", Role.VIEWER)
    return {"username": "kim", "password": "correct horse battery"}


def _wrong(name: str = "kim") -> dict[str, str]:
    return {"username": name, "password": "a wrong password"}


async def _tries(client: httpx.AsyncClient, count: int, **more: Any) -> list[int]:
    return [(await client.post(LOGIN, json=_wrong(), **more)).status_code for _ in range(count)]


async def test_ten_tries_from_one_address_and_then_one_every_six_seconds(
    world: Any, client: httpx.AsyncClient, kim: dict[str, str]
) -> None:
    """429 says how long to wait; then one more is allowed, and only one."""
    assert await _tries(client, 11) == [401] * 10 + [429]
    said = await client.post(LOGIN, json=kim)
    assert (said.status_code, said.headers["retry-after"]) == (429, "6")
    assert said.json()["detail"] == "Too many attempts; try again in 6 s."
    world.clocks.advance(6)
    assert await _tries(client, 2) == [401, 429]


async def test_the_right_password_does_not_count(
    client: httpx.AsyncClient, kim: dict[str, str]
) -> None:
    """Who logs in a hundred times is not a guesser."""
    codes = {(await client.post(LOGIN, json=kim)).status_code for _ in range(100)}
    assert codes == {200}


async def test_one_account_is_guarded_against_many_addresses(
    world: Any, kim: dict[str, str]
) -> None:
    """Twenty failures from everywhere, then 429, for an account that exists and one that does not."""
    world.again(Doorway(proxies=("127.0.0.0/8",)))
    async with world.client() as client:
        for name in ("kim", "nobody", "KIM"):
            codes = []
            for number in range(22):
                headers = {"X-Forwarded-For": f"198.51.{len(name)}.{number}"}
                said = await client.post(LOGIN, json=_wrong(name), headers=headers)
                codes.append(said.status_code)
            expected = [429] * 22 if name == "KIM" else [401] * 20 + [429] * 2
            assert codes == expected


async def test_an_invented_address_does_not_help(
    client: httpx.AsyncClient, kim: dict[str, str]
) -> None:
    """Without a configured proxy X-Forwarded-For is not looked at."""
    codes = []
    for number in range(12):
        headers = {"X-Forwarded-For": f"198.51.100.{number}"}
        codes += await _tries(client, 1, headers=headers)
    assert codes == [401] * 10 + [429] * 2


async def test_behind_a_proxy_one_guesser_locks_nobody_else_out(
    world: Any, kim: dict[str, str]
) -> None:
    """Another address behind the same proxy logs in while the guesser is refused."""
    world.again(Doorway(proxies=("127.0.0.1",)))
    async with world.client() as client:
        bad = {"X-Forwarded-For": "203.0.113.1, 198.51.100.1"}
        assert await _tries(client, 11, headers=bad) == [401] * 10 + [429]
        good = {"X-Forwarded-For": "198.51.100.2"}
        assert (await client.post(LOGIN, json=kim, headers=good)).status_code == 200


async def test_refresh_tokens_cannot_be_tried_without_end(client: httpx.AsyncClient) -> None:
    """They are counted by address like passwords."""
    codes = []
    for number in range(12):
        body = {"refresh_token": f"mvr_{number:032x}_x"}
        codes.append((await client.post("/api/v1/auth/refresh", json=body)).status_code)
    assert codes == [401] * 10 + [429] * 2


async def test_a_flood_over_real_http_is_refused_without_hashing(
    world: Any, kim: dict[str, str]
) -> None:
    """Two hundred at once from one address: ten are looked at, the others are 429, none is 5xx."""
    async with world.serving() as url, httpx.AsyncClient(base_url=url) as client:
        said = await asyncio.gather(*(client.post(LOGIN, json=_wrong()) for _ in range(200)))
        codes = Counter(one.status_code for one in said)
        assert codes[401] <= 10
        assert codes == {401: codes[401], 429: 200 - codes[401]}
        world.clocks.advance(600)
        assert (await client.post(LOGIN, json=kim)).status_code == 200


async def test_a_crowd_from_everywhere_is_bounded(world: Any, kim: dict[str, str]) -> None:
    """So many passwords are hashed or wait at a time; whoever comes then is told to come again."""
    world.again(Doorway(proxies=("127.0.0.1",)))
    started, release = [], asyncio.Event()

    async def slow(name: str, password: str) -> None:
        started.append(name)
        await release.wait()

    world.accounts.users.authenticate = slow
    async with world.client() as client:
        tasks = [
            asyncio.create_task(
                client.post(
                    LOGIN,
                    json=_wrong(f"user{number}"),
                    headers={"X-Forwarded-For": f"198.51.100.{number}"},
                )
            )
            for number in range(WAITING_MAX + 5)
        ]
        refused, _ = await asyncio.wait(tasks, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        assert {task.result().status_code for task in refused} == {429}
        release.set()
        codes = Counter(one.status_code for one in await asyncio.gather(*tasks))
    assert len(started) == WAITING_MAX
    assert codes == {401: WAITING_MAX, 429: 5}
