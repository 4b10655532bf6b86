"""The watched servers: at a glance, in full, and swept now."""

import math
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path

from mailvane.api import models
from mailvane.api.auth.guard import needs
from mailvane.api.buckets import Buckets
from mailvane.api.health import Conditions
from mailvane.api.openapi import refusals
from mailvane.api.problems import too_many
from mailvane.api.routes.checks import Catalogue, bound
from mailvane.core.accounts import Role
from mailvane.core.freshness import freshness, status_now
from mailvane.core.ports import Clock, Fleet
from mailvane.core.result import Metric, Report, Result
from mailvane.core.server import Server

Name = Annotated[str, Path(min_length=1, max_length=128)]
Titles = dict[str, tuple[str, str]]
"""Check -> its title and runbook."""


class ServerRoutes:
    """What is known of each server."""

    def __init__(
        self,
        fleet: Fleet,
        catalogue: Catalogue,
        conditions: Callable[[], Conditions],
        clock: Clock,
        ticks: Callable[[], float],
    ) -> None:
        self._fleet = fleet
        self._catalogue = catalogue
        self._conditions = conditions
        self._clock = clock
        self._sweeps = Buckets(3, 10.0, ticks)

    def router(self) -> APIRouter:
        """Three routes below /servers."""
        router = APIRouter(prefix="/servers", tags=["servers"])
        router.add_api_route(
            "",
            self.all,
            operation_id="listServers",
            summary="All watched servers at a glance",
            openapi_extra=needs(Role.VIEWER),
        )
        router.add_api_route(
            "/{name}",
            self.one,
            operation_id="getServer",
            summary="The full report of one server: every result with evidence and runbook",
            responses=refusals(404),
            openapi_extra=needs(Role.VIEWER),
        )
        router.add_api_route(
            "/{name}/sweep",
            self.sweep,
            methods=["POST"],
            operation_id="sweepServer",
            summary="Ask the server now and return the new report",
            responses=refusals(404, 429),
            openapi_extra=needs(Role.OPERATOR),
        )
        return router

    async def all(self) -> models.Servers:
        """In the order of the configuration; a server without a report is `unknown`."""
        servers = [models.ServerSummary(**self._summary(s)) for s in self._fleet.servers()]
        return models.Servers(servers=servers)

    async def one(self, name: Name) -> models.ServerReport:
        """The last report, however old; before the first one nothing is known."""
        return self._report(self._server(name))

    async def sweep(self, name: Name) -> models.ServerReport:
        """A report that is newer than this call; three at once and six a minute for each server."""
        server = self._server(name)
        if wait := self._sweeps.take(name):
            raise too_many(wait)
        return self._report(server, await self._fleet.sweep(name))

    def _server(self, name: str) -> Server:
        for server in self._fleet.servers():
            if server.name == name:
                return server
        raise HTTPException(404, "There is no server of that name.")

    def _summary(self, server: Server, report: Report | None = None) -> dict[str, Any]:
        return {
            "name": server.name,
            "role": server.role,
            "hostname": server.hostname,
            "address": server.address,
            "private_address": server.private_address,
            "region": server.region,
            "zone": server.zone,
            "instance_id": server.instance_id,
            **self._now(report or self._fleet.report(server.name)),
        }

    def _now(self, report: Report | None) -> dict[str, Any]:
        if report is None:
            return {"status": "unknown", "observed_at": None, "age_seconds": None, "stale": True}
        fresh = freshness(report, self._clock(), self._conditions().fresh_for_seconds)
        return {
            "status": status_now(report.status, stale=fresh.stale),
            "observed_at": fresh.observed_at,
            "age_seconds": round(fresh.age_seconds, 1),
            "stale": fresh.stale,
        }

    def _report(self, server: Server, report: Report | None = None) -> models.ServerReport:
        report = report or self._fleet.report(server.name)
        titles = self._titles(server)
        return models.ServerReport(
            **self._summary(server, report),
            duration_seconds=report.duration_seconds if report else None,
            results=[_result(r, titles) for r in report.results] if report else [],
            not_applicable=[
                models.NotApplicableModel(
                    check=part.check, title=_title(part.check, titles)[0], why=part.why
                )
                for part in (report.not_applicable if report else ())
            ],
            not_asked=list(report.not_asked) if report else [],
        )

    def _titles(self, server: Server) -> Titles:
        known = {check.name: (check.title, check.runbook) for check in self._catalogue()}
        return known | {
            check.name: (check.title or check.name, check.runbook) for check in server.custom_checks
        }


def _title(check: str, titles: Titles) -> tuple[str, str]:
    return titles.get(check, (check, ""))


def _result(result: Result, titles: Titles) -> models.ResultModel:
    title, runbook = _title(result.check, titles)
    return models.ResultModel(
        check=result.check,
        title=title,
        item=result.item,
        status=result.status,
        summary=result.summary,
        observed_at=result.observed_at,
        metrics=[_metric(metric) for metric in result.metrics],
        details=dict(result.details),
        evidence=list(result.evidence),
        limits=result.limits,
        fix=result.fix,
        reason=result.reason,
        runbook=runbook,
    )


def _metric(metric: Metric) -> models.MetricModel:
    """A number that JSON cannot write is not known."""
    known = metric.value is not None and math.isfinite(metric.value)
    return models.MetricModel(
        name=metric.name,
        value=metric.value if known else None,
        degraded=bound(metric.limit.degraded) if metric.limit else None,
        unhealthy=bound(metric.limit.unhealthy) if metric.limit else None,
    )
