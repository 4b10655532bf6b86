"""For orchestrators: alive, and ready."""

from typing import Any

import httpx


async def test_the_process_is_alive_whatever_else_is_not(
    world: Any, client: httpx.AsyncClient
) -> None:
    """Restarting Mailvane mends neither the database nor a server."""
    world.store_away[0] = True
    world.fleet.reports.clear()
    said = await client.get("/healthz")
    assert (said.status_code, said.json()) == (200, {"alive": True})


async def test_ready_when_the_store_answers_and_all_were_swept(client: httpx.AsyncClient) -> None:
    """200 without reasons."""
    said = await client.get("/readyz")
    assert (said.status_code, said.json()) == (200, {"ready": True, "reasons": []})


async def test_not_ready_before_every_server_was_swept(
    world: Any, client: httpx.AsyncClient
) -> None:
    """503 counts those that are left, without their names."""
    world.fleet.drop("api-1")
    said = await client.get("/readyz")
    assert said.status_code == 503
    assert said.json()["reasons"] == ["1 of 2 servers were not swept yet"]
    assert "api-1" not in said.text


async def test_a_report_that_is_deleted_later_does_not_make_us_unready(
    world: Any, client: httpx.AsyncClient
) -> None:
    """The server was swept once; that is enough."""
    await client.get("/readyz")
    world.fleet.drop("api-1")
    assert (await client.get("/readyz")).status_code == 200


async def test_not_ready_while_the_store_is_away(world: Any, client: httpx.AsyncClient) -> None:
    """503 says so, without where it is or why; ready again some seconds after it is back."""
    world.store_away[0] = True
    said = await client.get("/readyz")
    assert said.status_code == 503
    assert said.json()["reasons"] == ["the database does not answer"]
    assert "10.0.0.5" not in said.text
    world.store_away[0] = False
    world.clocks.advance(5)
    assert (await client.get("/readyz")).status_code == 200
