"""What comes back for a request: an answer, or the reason why there is none."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from mailvane.core.errors import NotAnswered
from mailvane.core.request import Request

A = TypeVar("A")


class Reason(StrEnum):
    """Why a request has no answer."""

    TIMEOUT = "timeout"
    REFUSED = "refused"
    AUTH = "auth"
    HOST_KEY = "host_key"
    NOT_PERMITTED = "not_permitted"
    NOT_FOUND = "not_found"
    PROTOCOL = "protocol"
    BUG = "bug"


@dataclass(frozen=True, slots=True)
class Answered(Generic[A]):
    """The answer to a request, and when it was observed."""

    value: A
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No answer, why, and the exact thing to do about it."""

    reason: Reason
    detail: str
    """One sentence: what was expected and what was found."""
    fix: str | None = None
    """What to do, as a command where there is one."""


class Answers:
    """The responses of one sweep, as a check sees them.

    `answers[request]` is the value, or raises NotAnswered, which makes the check `unknown`.
    `answers.get(request)` is the bare response, for a check that can do without.
    """

    def __init__(
        self, responses: Mapping[Request[Any], Answered[Any] | Unanswered], now: datetime
    ) -> None:
        self._responses = responses
        self.now = now
        """When this sweep looks at the server; aware, UTC."""

    def get(self, request: Request[A]) -> Answered[A] | Unanswered:
        """The response to a request that this check asked."""
        return self._responses[request]

    def __getitem__(self, request: Request[A]) -> A:
        response = self.get(request)
        if isinstance(response, Unanswered):
            raise NotAnswered(response)
        return response.value

    def observed_at(self, request: Request[Any]) -> datetime:
        """When the answer was observed: now, or earlier for one that was kept."""
        response = self.get(request)
        return self.now if isinstance(response, Unanswered) else response.observed_at
