"""The forms of requests and answers, from which the OpenAPI document is made."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mailvane.api.auth.identity import Kind
from mailvane.core.accounts import PASSWORD_MAX, Role
from mailvane.core.response import Reason
from mailvane.core.status import Status

Password = Annotated[str, Field(min_length=1, max_length=PASSWORD_MAX)]


class Form(BaseModel):
    """What is sent to us: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid")


class Login(Form):
    """A user's name and password."""

    username: Annotated[str, Field(min_length=1, max_length=64)]
    password: Password
    session: Literal["body", "cookie"] = "body"
    """Where the refresh token goes: `cookie` for browsers, `body` for everyone else."""


class Refresh(Form):
    """The refresh token of a login; left out by browsers, which send their cookie."""

    refresh_token: Annotated[str, Field(max_length=256)]


class NewPassword(Form):
    """A user's own password, old and new."""

    current_password: Password
    new_password: Annotated[str, Field(max_length=PASSWORD_MAX)]


class Tokens(BaseModel):
    """What a login or a refresh gives."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  the word of RFC 6750
    expires_at: datetime
    expires_in: int
    """Seconds."""
    refresh_token: str | None = None
    """Only with `session: body`."""
    csrf_token: str | None = None
    """Only with `session: cookie`: to be sent in X-CSRF-Token when the cookie is used."""
    session_expires_at: datetime


class Me(BaseModel):
    """Who asks."""

    name: str
    role: Role
    kind: Kind
    expires_at: datetime | None


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list["Misfit"] | None = None


class Misfit(BaseModel):
    """One thing that is wrong in a request."""

    place: str
    message: str


class ServerSummary(BaseModel):
    """A watched server at a glance."""

    name: str
    role: str
    hostname: str
    address: str | None
    private_address: str | None
    region: str | None
    zone: str | None
    instance_id: str | None
    status: Status
    observed_at: datetime | None
    age_seconds: float | None
    stale: bool
    """True: nothing so recent is known that it can be vouched for."""


class Servers(BaseModel):
    """All watched servers, in the order of the configuration."""

    servers: list[ServerSummary]


class BoundModel(BaseModel):
    """A number and the direction in which it is passed."""

    compare: str
    value: float


class LimitModel(BaseModel):
    """From where a number is degraded and from where unhealthy."""

    name: str
    degraded: BoundModel | None
    unhealthy: BoundModel | None
    unit: str
    source: str
    text: str


class CheckModel(BaseModel):
    """A check of the catalogue."""

    name: str
    title: str
    gate: bool
    """True: when it is unhealthy, the server's other checks are not asked."""
    runbook: str
    """Markdown: what is wrong, why it matters, what to do, where the limits come from."""
    limits: list[LimitModel]


class Checks(BaseModel):
    """The catalogue."""

    checks: list[CheckModel]


class MetricModel(BaseModel):
    """One number as it was seen; null: not known."""

    name: str
    value: float | None
    degraded: BoundModel | None
    unhealthy: BoundModel | None


class ResultModel(BaseModel):
    """What a check concluded about one item."""

    check: str
    title: str
    item: str
    status: Status
    summary: str
    observed_at: datetime
    metrics: list[MetricModel]
    details: dict[str, Any]
    evidence: list[str]
    """Lines as the server wrote them: text from outside."""
    limits: str
    fix: str | None
    reason: Reason | None
    runbook: str


class NotApplicableModel(BaseModel):
    """A check that takes no part."""

    check: str
    title: str
    why: str


class ServerReport(ServerSummary):
    """Everything that is known of a server."""

    duration_seconds: float | None
    results: list[ResultModel]
    not_applicable: list[NotApplicableModel]
    not_asked: list[str]


class Alive(BaseModel):
    """The process answers."""

    alive: Literal[True] = True


class Ready(BaseModel):
    """Whether requests should be sent here."""

    ready: bool
    reasons: list[str]
