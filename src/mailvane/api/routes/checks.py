"""The catalogue of checks."""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter

from mailvane.api import models
from mailvane.api.auth.guard import needs
from mailvane.core.accounts import Role
from mailvane.core.check import Check
from mailvane.core.threshold import Bound, Threshold

Catalogue = Callable[[], Sequence[Check[Any]]]


class CheckRoutes:
    """What the checks ask and how they judge."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def router(self) -> APIRouter:
        """The one route."""
        router = APIRouter(tags=["checks"])
        router.add_api_route(
            "/checks",
            self.all,
            operation_id="listChecks",
            summary="Every check with its runbook and its default limits",
            openapi_extra=needs(Role.VIEWER),
        )
        return router

    async def all(self) -> models.Checks:
        """The checks that Mailvane and its configuration bring."""
        return models.Checks(checks=[_check(check) for check in self._catalogue()])


def bound(of: Bound | None) -> models.BoundModel | None:
    """A bound as JSON."""
    return models.BoundModel(compare=of.compare.value, value=of.value) if of else None


def _check(check: Check[Any]) -> models.CheckModel:
    return models.CheckModel(
        name=check.name,
        title=check.title,
        gate=check.gate,
        runbook=check.runbook,
        limits=[_limit(name, limit) for name, limit in check.limits.items()],
    )


def _limit(name: str, limit: Threshold) -> models.LimitModel:
    return models.LimitModel(
        name=name,
        degraded=bound(limit.degraded),
        unhealthy=bound(limit.unhealthy),
        unit=limit.unit,
        source=limit.source,
        text=str(limit),
    )
