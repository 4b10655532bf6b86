"""The OpenAPI document, from which clients are generated: errors in it are what errors are."""

from typing import Any

from fastapi import FastAPI

from mailvane.api import models
from mailvane.api.problems import MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]
_REFERENCE = "#/components/schemas/Problem"


def refusals(*statuses: int) -> Responses:
    """What a route declares about its errors."""
    return {status: {"model": models.Problem} for status in statuses}


def describe_problems(http: FastAPI) -> None:
    """In the app's OpenAPI document every Problem has its own media type, 422 too."""
    plain = http.openapi

    def described() -> dict[str, Any]:
        document = plain()
        for operations in document["paths"].values():
            for operation in operations.values():
                for response in operation["responses"].values():
                    _retype(response)
        schemas = document["components"]["schemas"]
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        return document

    http.openapi = described  # type: ignore[method-assign]


def _retype(response: dict[str, Any]) -> None:
    content = response.get("content", {})
    said = content.get("application/json", {}).get("schema", {}).get("$ref", "")
    if said.endswith(("/Problem", "/HTTPValidationError")):
        response["content"] = {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE}}}
