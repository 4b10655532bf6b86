"""Errors as problem+json (RFC 9457): one sentence for people, nothing of what was sent, no traces."""

import math
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from mailvane.core.errors import AccountRefused, StoreUnavailable

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
_SENTENCES = {
    400: "The request could not be read.",
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
}
_ERRORS_MAX = 20


def problem(
    status: int, detail: str, headers: dict[str, str] | None = None, **more: Any
) -> JSONResponse:
    """The answer for an error."""
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(body, status, headers, MEDIA_TYPE)


def unauthorized(detail: str = "The token is missing or not valid.") -> HTTPException:
    """401, in the same words whatever was wrong."""
    return HTTPException(401, detail, {"WWW-Authenticate": "Bearer"})


def too_many(seconds: float) -> HTTPException:
    """429, with how long to wait."""
    wait = max(1, math.ceil(seconds))
    detail = f"Too many attempts; try again in {wait} s."
    return HTTPException(429, detail, {"Retry-After": str(wait)})


def speak_problems(app: FastAPI) -> None:
    """Every error that leaves the app is problem+json."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(AccountRefused, _refused)
    app.add_exception_handler(StoreUnavailable, _away)
    app.add_exception_handler(Exception, _bug)


async def _http(request: Request, error: Exception) -> JSONResponse:
    del request
    if not isinstance(error, HTTPException):
        raise error
    phrase = HTTPStatus(error.status_code).phrase
    plain = error.detail in (phrase, "There was an error parsing the body")
    detail = _SENTENCES.get(error.status_code, phrase) if plain else str(error.detail)
    return problem(error.status_code, detail, dict(error.headers or {}))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """What is wrong and where, but not what was sent: it may be a password."""
    del request
    if not isinstance(error, RequestValidationError):
        raise error
    errors = [
        {"place": ".".join(str(step) for step in one["loc"]), "message": str(one["msg"])}
        for one in error.errors()[:_ERRORS_MAX]
    ]
    return problem(422, "The request does not have the form that is expected.", errors=errors)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    del request
    return problem(422, f"{str(error)[:1].upper()}{str(error)[1:]}.")


async def _away(request: Request, error: Exception) -> JSONResponse:
    log.warning("the store is away", path=request.url.path, why=str(error))
    detail = "The database does not answer; try again shortly."
    return problem(503, detail, {"Retry-After": "5"})


async def _bug(request: Request, error: Exception) -> JSONResponse:
    log.error("a request failed", path=request.url.path, error=type(error).__name__)
    return problem(500, "Something went wrong inside Mailvane; its log says what.")
