"""Every route, with every role and with none."""

import json
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute, iter_route_contexts

from mailvane.api.build import _guarded
from mailvane.core.accounts import Role

OPEN = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/refresh"),
    ("GET", "/api/v1/openapi.json"),
    ("HEAD", "/api/v1/openapi.json"),
}
"""All that may be asked without a token."""
ERRORS = {"401", "403", "404", "422", "429"}
NEEDS = {
    ("GET", "/admin/system/health"): Role.VIEWER,
    ("HEAD", "/admin/system/health"): Role.VIEWER,
    ("GET", "/api/v1/me"): Role.VIEWER,
    ("GET", "/api/v1/servers"): Role.VIEWER,
    ("GET", "/api/v1/servers/{name}"): Role.VIEWER,
    ("POST", "/api/v1/servers/{name}/sweep"): Role.OPERATOR,
    ("GET", "/api/v1/checks"): Role.VIEWER,
    ("POST", "/api/v1/auth/logout"): Role.VIEWER,
    ("POST", "/api/v1/auth/logout-everywhere"): Role.VIEWER,
    ("POST", "/api/v1/auth/password"): Role.VIEWER,
}
"""All other routes and who may ask them; a new route must be written here."""


def _routes(world: Any) -> set[tuple[str, str]]:
    return {
        (method, context.path)
        for context in iter_route_contexts(world.api.http.routes)
        for method in context.methods or ()
    }


def test_every_route_is_known(world: Any) -> None:
    """There is no route that is not written down above."""
    assert _routes(world) == OPEN | set(NEEDS)


async def test_every_route_but_the_open_ones_asks_for_a_token(
    world: Any, client: httpx.AsyncClient
) -> None:
    """Without a token and with a wrong one each is 401 in the same words."""
    seen = set()
    for method, path in sorted(NEEDS):
        for headers in ({}, {"Authorization": "Bearer x"}):
            said = await client.request(method, path.format(name="mail-va"), headers=headers)
            assert said.status_code == 401, (method, path)
            assert said.headers["www-authenticate"] == "Bearer"
            seen.add(said.text)
    seen.discard("")  # HEAD
    assert len(seen) == 1


@pytest.mark.parametrize("role", Role)
async def test_every_route_lets_in_the_roles_it_needs_and_no_lower(world: Any, role: Role) -> None:
    """A role that is too low is 403; one that suffices is not refused."""
    for number, ((method, path), needed) in enumerate(sorted(NEEDS.items())):
        headers = await world.bearer(role, f"{role}{number}")
        async with world.client(headers=headers) as client:
            said = await client.request(method, path.format(name="mail-va"))
        assert (said.status_code == 403) is not role.covers(needed), (method, path, said.text)
        assert said.status_code != 401


async def test_a_route_without_a_role_stops_the_start() -> None:
    """Whoever forgets to declare a role is told so before anyone is let in."""
    careless = APIRouter()
    careless.add_api_route("/secret", lambda: "x")
    with pytest.raises(TypeError, match="declares no role"):
        _guarded([(careless, "")])


async def test_a_route_that_loses_its_role_lets_nobody_in(world: Any) -> None:
    """Also an admin is refused where no role is declared: default deny."""
    headers = await world.bearer(Role.ADMIN)
    for context in iter_route_contexts(world.api.http.routes):
        if context.path == "/api/v1/checks":
            assert isinstance(context.original_route, APIRoute)
            context.original_route.openapi_extra = None
    async with world.client(headers=headers) as client:
        assert (await client.get("/api/v1/checks")).status_code == 403


async def test_the_openapi_document_describes_every_route(
    world: Any, client: httpx.AsyncClient
) -> None:
    """Each has a summary, an operation id of its own, and a bearer scheme where it needs a token."""
    document = (await client.get("/api/v1/openapi.json")).json()
    operations = {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    told = {(m, p) for m, p in OPEN | set(NEEDS) if m != "HEAD" and "openapi" not in p}
    assert set(operations) == told
    ids = [operation["operationId"] for operation in operations.values()]
    assert len(set(ids)) == len(ids)
    for route, operation in operations.items():
        assert operation["summary"]
        assert ("security" in operation) is (route in NEEDS)
        assert operation.get("x-role") == NEEDS.get(route)
        for status, response in operation["responses"].items():
            content = response.get("content", {})
            assert ("application/problem+json" in content) is (status in ERRORS), (route, status)
    assert {"HealthDocument", "Problem"} <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in json.dumps(document)


async def test_no_page_of_documentation_is_served(client: httpx.AsyncClient) -> None:
    """The pages that FastAPI brings load scripts from elsewhere; they are off."""
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert (await client.get(path)).status_code == 404


async def test_no_answer_holds_the_secret_key(world: Any) -> None:
    """The signing secret and the hashes stand in no answer of an admin's."""
    headers = await world.bearer(Role.ADMIN)
    async with world.client(headers=headers) as client:
        for method, path in NEEDS:
            if "auth" not in path:
                said = await client.request(method, path.format(name="mail-va"))
                assert "k" * 64 not in said.text + json.dumps(dict(said.headers))
                assert "argon2" not in said.text
