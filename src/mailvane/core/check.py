"""A check: a question, a reading and a judgement about a server."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mailvane.core.request import Request
from mailvane.core.response import Answers
from mailvane.core.result import Verdict
from mailvane.core.server import Server
from mailvane.core.threshold import Limits, Threshold

O = TypeVar("O")  # noqa: E741  the observation


def _always(_: Server) -> str | None:
    return None


@dataclass(frozen=True, kw_only=True)  # slots would break `Check[Load](…)` on Python 3.11
class Check(Generic[O]):
    """What joins a check's parts. All four functions are pure: values in, values out.

    `before` is the observation of the sweep before, None at first: a check that reads forward keeps
    its place there. `read` may raise NotAnswered (by `answers[request]`), GarbledAnswer or DoesNotApply.
    """

    name: str
    """Short and permanent; lower case, may have dashes."""
    title: str
    ask: Callable[[Server, O | None], Iterable[Request[Any]]]
    read: Callable[[Server, Answers, O | None], O]
    judge: Callable[[O, Limits], Iterable[Verdict]]
    applies: Callable[[Server], str | None] = _always
    """None when the check applies to this server, else why not."""
    limits: Mapping[str, Threshold] = field(default_factory=dict)
    """The default thresholds by name; the configuration moves their numbers."""
    gate: bool = False
    """True: when this check is unhealthy, the server's other checks are not asked."""
    runbook: str = ""
    """What is wrong, why it matters, what to do, where the limits come from."""

    def limits_for(self, server: Server) -> Limits:
        """The thresholds in force for a server."""
        own = server.limits.get(self.name, {})
        return {name: limit.moved(**own.get(name, {})) for name, limit in self.limits.items()}


def runbook_of(module: str) -> str:
    """The docstring of the module by that name: a check file passes its `__name__`."""
    return (sys.modules[module].__doc__ or "").strip()
