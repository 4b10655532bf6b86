"""Joins the API's parts into one ASGI application; nothing here is global."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from mailvane.api.address import Proxies
from mailvane.api.auth.attempts import Attempts
from mailvane.api.auth.cookies import RefreshCookies
from mailvane.api.auth.gate import Gate
from mailvane.api.auth.guard import ROLE, Guard
from mailvane.api.auth.jwks import public_keys
from mailvane.api.auth.own import LIFE, OwnTokens
from mailvane.api.auth.platform import Keys, PlatformVerifier, SharedSecret
from mailvane.api.auth.verified import Verified
from mailvane.api.dependencies import Dependencies
from mailvane.api.edge import Origins
from mailvane.api.fast import FastPath
from mailvane.api.health import Conditions, HealthSource
from mailvane.api.openapi import describe_problems, refusals
from mailvane.api.problems import speak_problems
from mailvane.api.routes.auth import AuthRoutes
from mailvane.api.routes.checks import Catalogue, CheckRoutes
from mailvane.api.routes.health import Health
from mailvane.api.routes.orchestration import Orchestration
from mailvane.api.routes.servers import ServerRoutes
from mailvane.core.access import SYMMETRIC, Doorway, PlatformTokens
from mailvane.core.accounts import Accounts
from mailvane.core.ports import Clock, Fleet
from mailvane.core.secret import Secret

PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Everything that the API is handed."""

    fleet: Fleet
    accounts: Accounts
    dependencies: Dependencies
    """With `database` among them: /readyz looks at it."""
    catalogue: Catalogue
    """The checks in force; asked anew each time, so that a reload shows."""
    conditions: Callable[[], Conditions]
    """Regions and freshness in force; asked anew each time."""
    doorway: Doorway
    secret: Secret
    """From api.auth.keys.load_or_make."""
    clock: Clock
    version: str
    access_token_life: timedelta = LIFE
    ticks: Callable[[], float] = time.monotonic
    """Seconds that only grow, for intervals."""


def build_api(needs: Needs) -> FastPath:
    """The whole API: an ASGI application for any server."""
    verified = Verified(needs.ticks)
    origins = Origins(needs.doorway.origins)
    health = HealthSource(
        needs.fleet, needs.dependencies, needs.conditions, needs.clock, needs.ticks
    )
    http = _http(needs, health, verified)
    return FastPath(http, health, verified, origins, needs.ticks)


def _http(needs: Needs, health: HealthSource, verified: Verified) -> FastAPI:
    """The framework's part: open routes, and behind the guard all others."""
    http = FastAPI(
        title="Mailvane",
        version=needs.version,
        summary="Whether mail is flowing on mail servers that you run, and if not, why.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    speak_problems(http)
    describe_problems(http)
    own = OwnTokens(needs.secret, needs.clock, needs.access_token_life)
    auth = _auth(needs, own, verified)
    http.include_router(Orchestration(needs.fleet, needs.dependencies).router())
    http.include_router(auth.open_router(), prefix=PREFIX)
    guard = Guard(_gate(needs, own, verified))
    servers = ServerRoutes(needs.fleet, needs.catalogue, needs.conditions, needs.clock, needs.ticks)
    guarded = _guarded(
        [
            (Health(health).router(), ""),
            (auth.router(), PREFIX),
            (servers.router(), PREFIX),
            (CheckRoutes(needs.catalogue).router(), PREFIX),
        ]
    )
    bearer = HTTPBearer(auto_error=False, scheme_name="bearer")
    http.include_router(guarded, dependencies=[Depends(guard), Depends(bearer)])
    return http


def _guarded(routers: list[tuple[APIRouter, str]]) -> APIRouter:
    """One router for all that needs a role; a route that declares none stops the start."""
    joined = APIRouter(responses=refusals(401, 403))
    for router, prefix in routers:
        for route in router.routes:
            if not isinstance(route, APIRoute) or ROLE not in (route.openapi_extra or {}):
                raise TypeError(f"{route} declares no role")
        joined.include_router(router, prefix=prefix)
    return joined


def _auth(needs: Needs, own: OwnTokens, verified: Verified) -> AuthRoutes:
    proxies = Proxies(needs.doorway.proxies)
    return AuthRoutes(
        needs.accounts,
        own,
        RefreshCookies(needs.secret, proxies, needs.clock),
        Attempts(proxies, needs.ticks),
        verified,
        needs.clock,
    )


def _gate(needs: Needs, own: OwnTokens, verified: Verified) -> Gate:
    settings = needs.doorway.platform
    platform = None
    if settings is not None:
        if problems := settings.problems():
            raise ValueError("; ".join(problems))
        keys = _platform_keys(settings, needs.ticks)
        platform = PlatformVerifier(settings, keys, needs.clock)
    return Gate(needs.accounts, own, platform, verified, needs.clock)


def _platform_keys(settings: PlatformTokens, ticks: Callable[[], float]) -> Keys:
    if settings.secret is not None and SYMMETRIC.intersection(settings.algorithms):
        return SharedSecret(settings.secret)
    return public_keys(settings, ticks)
