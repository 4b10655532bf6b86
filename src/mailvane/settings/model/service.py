"""Mailvane itself: cache, sweep, store, API, access, log."""

from typing import Annotated, Literal

from pydantic import Field

from mailvane.core.access import ASYMMETRIC, SYMMETRIC
from mailvane.core.accounts import Role
from mailvane.core.secret import Secret
from mailvane.settings.model.base import Section
from mailvane.settings.shapes.network import HTTPS_OR_PATH, LISTEN, NETWORK, ORIGIN
from mailvane.settings.shapes.number import YES_NO, duration, whole
from mailvane.settings.shapes.secret import DATABASE, REDIS, TOKEN
from mailvane.settings.shapes.text import LINE, PATH, WORD, one_of

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["console", "json"]


class RegionSection(Section):
    """A region that servers stand in."""

    name: Annotated[str, LINE] | None = Field(
        default=None,
        description="What people call it, such as US East (Virginia); default: its id.",
    )
    primary: Annotated[bool, YES_NO] = Field(
        default=False, description="True for the one that the others stand in for."
    )
    zones: list[Annotated[str, WORD]] = Field(
        default=[], description="Its availability zones, in the order in which they are shown."
    )


class CacheSection(Section):
    """Where the last report of each server is kept."""

    url: Annotated[Secret, REDIS] | None = Field(
        default=None,
        description="A Redis that is kept up to date as well; default: this process's memory.",
    )
    fresh_for: Annotated[float, duration("1s", "1d")] = Field(
        default=60.0, description="How old a report may be before it is called stale."
    )
    refresh_every: Annotated[float, duration("1s", "1d")] = Field(
        default=30.0, description="How often each server is swept."
    )


class SweepSection(Section):
    """How servers are asked."""

    at_once: Annotated[int, whole(1, 10_000)] = Field(
        default=200, description="How many servers are asked at the same time."
    )
    limit: Annotated[float, duration("1s", "10m")] = Field(
        default=25.0, description="How long one sweep of one server may take."
    )


class StoreSection(Section):
    """Where users, sessions and tokens are kept."""

    url: Annotated[Secret, DATABASE] | None = Field(
        default=None, description="The database; default: SQLite in the state folder."
    )


class ApiSection(Section):
    """The HTTP interface."""

    listen: Annotated[tuple[str, int], LISTEN] = Field(
        default=("127.0.0.1", 8025),
        description="Where it listens; it speaks plain HTTP, so leave TLS to a proxy on the same "
        "machine.",
        json_schema_extra={"default": "127.0.0.1:8025"},
    )
    origins: list[Annotated[str, ORIGIN]] = Field(
        default=[], description="Other web applications whose pages may call it; default: none."
    )
    trusted_proxies: list[Annotated[str, NETWORK]] = Field(
        default=[], description="Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."
    )


class PlatformSection(Section):
    """Access tokens of another system that are accepted beside Mailvane's own."""

    secret: Annotated[Secret, TOKEN] | None = Field(
        default=None, description="The shared key, for the HS… algorithms."
    )
    jwks: Annotated[str, HTTPS_OR_PATH] | None = Field(
        default=None, description="Where the public keys are, for the other algorithms."
    )
    ca_file: Annotated[str, PATH] | None = Field(
        default=None,
        description="Trusted roots for that URL, as a PEM file; default: the usual ones.",
    )
    algorithms: list[Annotated[str, one_of(sorted(SYMMETRIC | ASYMMETRIC))]] | None = Field(
        default=None,
        description="The algorithms that may be used, whatever a token says; "
        "default: HS256 with a secret, RS256 with jwks.",
    )
    issuer: Annotated[str, LINE] | None = Field(
        default=None, description="Who must have issued the token (`iss`); default: not looked at."
    )
    audience: Annotated[str, LINE] | None = Field(
        default=None, description="For whom the token must be (`aud`); default: not looked at."
    )
    user_claim: Annotated[str, LINE] = Field(
        default="sub", description="Where the token says who it is for."
    )
    role_claim: Annotated[str, LINE] = Field(
        default="role", description="Where the token says the role; dots lead into nested objects."
    )
    roles: dict[str, Annotated[Role, one_of(Role)]] = Field(
        default={role.value: role for role in Role},
        description="The platform's role -> viewer, operator or admin; a role that is not here "
        "may do nothing.",
    )
    leeway: Annotated[float, duration("0s", "5m")] = Field(
        default=30.0, description="How far the clocks of the two systems may differ."
    )


class AuthSection(Section):
    """Who is let in."""

    access_token: Annotated[float, duration("1m", "1h")] = Field(
        default=900.0,
        description="How long an access token is valid; a refresh token gets the next one.",
    )
    refresh_token: Annotated[float, duration("1h", "365d")] = Field(
        default=2_592_000.0, description="How long a login may go on."
    )
    platform: PlatformSection | None = Field(
        default=None,
        description="Access tokens of another system that are accepted beside Mailvane's own.",
    )


class LogSection(Section):
    """Mailvane's own log, on standard error."""

    level: Annotated[Level, one_of(["debug", "info", "warning", "error"])] = Field(
        default="info", description="What is written: this and worse."
    )
    format: Annotated[Format, one_of(["console", "json"])] = Field(
        default="console", description="For people or for programs."
    )
