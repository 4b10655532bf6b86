"""For orchestrators, without a token and without a detail: is the process alive, and is it of use?"""

from fastapi import APIRouter, Response

from mailvane.api import models
from mailvane.api.dependencies import Dependencies
from mailvane.core.ports import Fleet
from mailvane.core.status import Status


class Orchestration:
    """/healthz and /readyz."""

    def __init__(self, fleet: Fleet, dependencies: Dependencies) -> None:
        self._fleet = fleet
        self._dependencies = dependencies
        self._tried: set[str] = set()

    def router(self) -> APIRouter:
        """The two routes; they are the only ones that need no token beside those of a login."""
        router = APIRouter(tags=["orchestration"])
        router.add_api_route(
            "/healthz",
            self.alive,
            operation_id="isAlive",
            summary="The process answers",
        )
        router.add_api_route(
            "/readyz",
            self.ready,
            operation_id="isReady",
            summary="The database answers and every server was swept once",
            responses={503: {"model": models.Ready, "description": "Not yet, or not now"}},
        )
        return router

    async def alive(self) -> models.Alive:
        """Says nothing of servers or dependencies: restarting Mailvane would mend neither."""
        return models.Alive()

    async def ready(self, response: Response) -> models.Ready:
        """503 with the reasons as long as answers would be empty or nobody could log in."""
        reasons = [*await self._away(), *self._unswept()]
        response.status_code = 503 if reasons else 200
        return models.Ready(ready=not reasons, reasons=reasons)

    async def _away(self) -> list[str]:
        seen = {one.name: one for one in await self._dependencies.measured()}
        store = seen.get("database")
        down = store is not None and store.status is not Status.HEALTHY
        return ["the database does not answer"] if down else []

    def _unswept(self) -> list[str]:
        """A server counts as swept from its first report on, also when that was deleted since."""
        names = [server.name for server in self._fleet.servers()]
        self._tried.intersection_update(names)
        self._tried.update(name for name in names if self._fleet.report(name))
        left = len(set(names) - self._tried)
        return [f"{left} of {len(names)} servers were not swept yet"] if left else []
