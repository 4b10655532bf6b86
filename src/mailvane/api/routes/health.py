"""The health document, the whole way: with every check that the fast path leaves out."""

from fastapi import APIRouter, Response

from mailvane.api.auth.guard import needs
from mailvane.api.health import PATH, HealthSource, PreparedResponse
from mailvane.api.health_models import HealthDocument
from mailvane.core.accounts import Role


class Health:
    """The route of the health document."""

    def __init__(self, health: HealthSource) -> None:
        self._health = health

    def router(self) -> APIRouter:
        """GET and HEAD of the document."""
        router = APIRouter(tags=["health"])
        router.add_api_route(
            PATH,
            self.document,
            operation_id="getSystemHealth",
            summary="The health of the whole system, as one document",
            response_class=Response,
            responses={
                200: {"model": HealthDocument, "description": "The document, with a weak ETag"},
                304: {"description": "The document of If-None-Match is still true"},
            },
            openapi_extra=needs(Role.VIEWER),
        )
        router.add_api_route(
            PATH,
            self.document,
            methods=["HEAD"],
            response_class=Response,
            include_in_schema=False,
            openapi_extra=needs(Role.VIEWER),
        )
        return router

    async def document(self) -> Response:
        """Waits for a sweep only when a server has no report at all."""
        return PreparedResponse(await self._health.read())
