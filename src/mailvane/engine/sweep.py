"""One ask-read-judge pass over one server."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from mailvane.core.check import Check
from mailvane.core.errors import DoesNotApply, GarbledAnswer, NotAnswered
from mailvane.core.ports import Clock, Responses, Transport
from mailvane.core.redact import redact
from mailvane.core.request import Request
from mailvane.core.response import Answered, Answers, Reason, Unanswered
from mailvane.core.result import NotApplicable, Report, Result, Verdict
from mailvane.core.server import Server
from mailvane.core.status import Status, worst

log = structlog.get_logger()

EVIDENCE_LIMIT = 40
EVIDENCE_LINE_LIMIT = 600


@dataclass(slots=True)
class Recollection:
    """What is remembered of one server from sweep to sweep."""

    observations: dict[str, Any] = field(default_factory=dict)
    kept: dict[Request[Any], Answered[Any]] = field(default_factory=dict)

    def still_good(self, request: Request[Any], now: datetime) -> Answered[Any] | None:
        """The kept answer to a request, if it is young enough to be used again."""
        answer = self.kept.get(request)
        if answer and now - answer.observed_at < timedelta(seconds=request.keep_seconds):
            return answer
        return None

    def keep(self, responses: Responses) -> None:
        """Answers that may be used again are kept, all others forgotten."""
        self.kept = {
            request: response
            for request, response in responses.items()
            if request.keep_seconds and isinstance(response, Answered)
        }


class Sweeper:
    """Sweeps servers with a catalogue of checks over a transport."""

    def __init__(self, checks: Sequence[Check[Any]], transport: Transport, clock: Clock) -> None:
        self._checks = checks
        self._transport = transport
        self._clock = clock
        self._recollections: dict[str, Recollection] = {}

    def forget(self, name: str) -> None:
        """Nothing is remembered of that server any more."""
        self._recollections.pop(name, None)

    async def sweep(self, server: Server, extra: Sequence[Check[Any]] = ()) -> Report:
        """A report on the server as it is now.

        1. The checks that apply are sorted into gates and others.
        2. The gates are asked; when one is unhealthy, nothing else is.
        3. The others are asked at once, equal requests one time.
        """
        started, now = time.monotonic(), self._clock()
        memory = self._recollections.setdefault(server.name, Recollection())
        asked, skipped = self._sort(server, extra)
        gates = [check for check in asked if check.gate]
        others = [check for check in asked if not check.gate]
        first = await self._ask(server, gates, memory, now)
        results, not_here = _conclude(server, gates, first, memory, now)
        down = any(result.status is Status.UNHEALTHY for result in results)
        if not down:
            responses = await self._ask(server, others, memory, now)
            more, not_there = _conclude(server, others, responses, memory, now)
            results, not_here = [*results, *more], [*not_here, *not_there]
            memory.keep({**first, **responses})
        return Report(
            server=server.name,
            status=worst(result.status for result in results),
            observed_at=now,
            duration_seconds=round(time.monotonic() - started, 4),
            results=tuple(results),
            not_applicable=(*skipped, *not_here),
            not_asked=tuple(check.name for check in others) if down else (),
        )

    def _sort(
        self, server: Server, extra: Sequence[Check[Any]]
    ) -> tuple[list[Check[Any]], list[NotApplicable]]:
        asked, skipped = [], []
        for check in (*self._checks, *extra):
            why = "switched off" if check.name in server.checks_off else check.applies(server)
            if why is None:
                asked.append(check)
            else:
                skipped.append(NotApplicable(check.name, why))
        return asked, skipped

    async def _ask(
        self, server: Server, checks: Iterable[Check[Any]], memory: Recollection, now: datetime
    ) -> Responses:
        requests = dict.fromkeys(
            request
            for check in checks
            for request in check.ask(server, memory.observations.get(check.name))
        )
        kept = {r: answer for r in requests if (answer := memory.still_good(r, now))}
        open_ones = [request for request in requests if request not in kept]
        sent = await self._transport.send(server, open_ones) if open_ones else {}
        missing = {
            r: Unanswered(Reason.BUG, f"no transport answered {type(r).__name__}")
            for r in open_ones
            if r not in sent
        }
        return {**kept, **sent, **missing}


def _conclude(
    server: Server,
    checks: Iterable[Check[Any]],
    responses: Responses,
    memory: Recollection,
    now: datetime,
) -> tuple[list[Result], list[NotApplicable]]:
    results: list[Result] = []
    skipped: list[NotApplicable] = []
    answers = Answers(responses, now)
    for check in checks:
        try:
            results += _results(server, check, answers, memory)
        except DoesNotApply as error:
            skipped.append(NotApplicable(check.name, str(error)))
    return results, skipped


def _results(
    server: Server, check: Check[Any], answers: Answers, memory: Recollection
) -> list[Result]:
    """The check's results; whatever it could not do becomes one `unknown` result with the reason."""
    try:
        observation = check.read(server, answers, memory.observations.get(check.name))
        verdicts = list(check.judge(observation, check.limits_for(server)))
        memory.observations[check.name] = observation
        return [_result(check.name, verdict, answers.now) for verdict in verdicts]
    except DoesNotApply:
        raise
    except NotAnswered as error:
        return [_unknown(check.name, error.unanswered, answers.now)]
    except GarbledAnswer as error:
        garbled = Unanswered(Reason.PROTOCOL, str(error), "look at the raw answer")
        return [_unknown(check.name, garbled, answers.now)]
    except Exception as error:  # the guarded place: a bug in one check leaves the others alone
        log.exception("check crashed", check=check.name, server=server.name)
        bug = Unanswered(
            Reason.BUG,
            f"the check itself failed with {type(error).__name__}; this is a bug in Mailvane",
            "report it with the log of `mailvane serve`",
        )
        return [_unknown(check.name, bug, answers.now)]


def _result(check: str, verdict: Verdict, now: datetime) -> Result:
    return Result(
        check=check,
        item=verdict.item,
        status=verdict.status,
        summary=redact(verdict.summary),
        observed_at=now,
        metrics=verdict.metrics,
        details=_redacted(verdict.details),
        evidence=tuple(redact(line[:EVIDENCE_LINE_LIMIT]) for line in verdict.evidence)[
            :EVIDENCE_LIMIT
        ],
        limits=verdict.limits,
        fix=verdict.fix,
    )


def _redacted(value: Any) -> Any:
    match value:
        case str():
            return redact(value)
        case Mapping():
            return {key: _redacted(part) for key, part in value.items()}
        case list() | tuple():
            return [_redacted(part) for part in value]
        case _:
            return value


def _unknown(check: str, unanswered: Unanswered, now: datetime) -> Result:
    return Result(
        check=check,
        item="",
        status=Status.UNKNOWN,
        summary=redact(unanswered.detail),
        observed_at=now,
        fix=unanswered.fix,
        reason=unanswered.reason,
    )
