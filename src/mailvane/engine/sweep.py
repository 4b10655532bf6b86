"""One ask-read-judge pass over one server."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

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

T = TypeVar("T")

EVIDENCE_LIMIT = 40
EVIDENCE_LINE_LIMIT = 600


@dataclass(slots=True)
class Recollection:
    """What is remembered of one server from sweep to sweep."""

    observations: dict[str, Any] = field(default_factory=dict)
    kept: dict[Request[Any], Answered[Any]] = field(default_factory=dict)
    custom: Sequence[Check[Any]] | None = None
    """The checks that the server has of its own, once they were made."""

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

    def __init__(
        self,
        checks: Sequence[Check[Any]],
        transport: Transport,
        clock: Clock,
        custom: Callable[[Server], Sequence[Check[Any]]] = lambda _: (),
    ) -> None:
        """`custom` makes the checks that a server has of its own; it is called again after `forget`."""
        self._checks = checks
        self._transport = transport
        self._clock = clock
        self._custom = custom
        self._recollections: dict[str, Recollection] = {}

    def forget(self, name: str) -> None:
        """Nothing is remembered of that server any more."""
        self._recollections.pop(name, None)

    def ask_anew(self, name: str) -> None:
        """The next sweep of that server uses no answer that was kept."""
        if memory := self._recollections.get(name):
            memory.kept.clear()

    async def sweep(self, server: Server) -> Report:
        """A report on the server as it is now.

        1. The checks that apply are sorted into gates and others.
        2. The gates are asked; when one is unhealthy, nothing else is.
        3. The others are asked at once, equal requests one time.
        """
        started = time.monotonic()
        memory = self._recollections.setdefault(server.name, Recollection())
        if memory.custom is None:
            memory.custom = self._custom(server)
        this = _Pass(server, memory, self._clock())
        checks = this.that_apply((*self._checks, *memory.custom))
        await this.ask((check for check in checks if check.gate), self._transport)
        others = [check for check in checks if not check.gate]
        down = any(result.status is Status.UNHEALTHY for result in this.results)
        if not down:
            await this.ask(others, self._transport)
            memory.keep(this.responses)
        not_asked = tuple(check.name for check in others) if down else ()
        return this.report(time.monotonic() - started, not_asked)

    def unanswered(self, server: Server, why: Unanswered) -> Report:
        """The report of a sweep that came to nothing: every check that applies is unknown, and why."""
        memory = self._recollections.get(server.name, Recollection())
        this = _Pass(server, memory, self._clock())
        for check in this.that_apply((*self._checks, *(memory.custom or ()))):
            this.unknown(check, why)
        return this.report(0.0)


@dataclass(slots=True)
class _Pass:
    """One sweep in the making."""

    server: Server
    memory: Recollection
    now: datetime
    responses: dict[Request[Any], Answered[Any] | Unanswered] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    not_applicable: list[NotApplicable] = field(default_factory=list)

    def that_apply(self, checks: Iterable[Check[Any]]) -> list[Check[Any]]:
        """The checks that have something to ask here; of the others it is noted why not."""
        return [
            check for check in checks for applies in self._attempt(check, self._applies) if applies
        ]

    async def ask(self, checks: Iterable[Check[Any]], transport: Transport) -> None:
        """The checks' questions are answered and judged."""
        asked = [
            (check, requests)
            for check in checks
            for requests in self._attempt(check, self._requests)
        ]
        wanted = dict.fromkeys(request for _, requests in asked for request in requests)
        await self._send(
            [request for request in wanted if request not in self.responses], transport
        )
        for check, _ in asked:
            for results in self._attempt(check, self._results):
                self.results += results

    def unknown(self, check: Check[Any], why: Unanswered) -> None:
        """The check's result is `unknown`."""
        self.results.append(_unknown(check.name, why, self.now))

    def report(self, seconds: float, not_asked: tuple[str, ...] = ()) -> Report:
        """What was concluded."""
        return Report(
            server=self.server.name,
            status=worst(result.status for result in self.results),
            observed_at=self.now,
            duration_seconds=round(seconds, 4),
            results=tuple(self.results),
            not_applicable=tuple(self.not_applicable),
            not_asked=not_asked,
        )

    def _applies(self, check: Check[Any]) -> bool:
        off = check.name in self.server.checks_off
        why = "switched off" if off else check.applies(self.server)
        if why is not None:
            raise DoesNotApply(why)
        return True

    def _requests(self, check: Check[Any]) -> tuple[Request[Any], ...]:
        requests = check.ask(self.server, self.memory.observations.get(check.name))
        return tuple(dict.fromkeys(requests))

    def _results(self, check: Check[Any]) -> list[Result]:
        before = self.memory.observations.get(check.name)
        observation = check.read(self.server, Answers(self.responses, self.now), before)
        verdicts = list(check.judge(observation, check.limits_for(self.server)))
        results = [_result(check.name, verdict, self.now) for verdict in verdicts]
        self.memory.observations[check.name] = observation
        return results

    async def _send(self, requests: Sequence[Request[Any]], transport: Transport) -> None:
        """Every request has a response: a kept one, a new one, or the reason why there is none."""
        kept = {r: answer for r in requests if (answer := self.memory.still_good(r, self.now))}
        open_ones = [request for request in requests if request not in kept]
        sent = await transport.send(self.server, open_ones) if open_ones else {}
        for request in requests:
            self.responses[request] = kept.get(request) or sent.get(request) or _lost(request)

    def _attempt(self, check: Check[Any], step: Callable[[Check[Any]], T]) -> tuple[T, ...]:
        """What the step gives, alone; nothing when it fails: then the check is unknown, with the reason."""
        try:
            return (step(check),)
        except DoesNotApply as error:
            self.not_applicable.append(NotApplicable(check.name, redact(str(error))))
        except NotAnswered as error:
            self.unknown(check, error.unanswered)
        except GarbledAnswer as error:
            garbled = Unanswered(Reason.PROTOCOL, str(error), "look at the raw answer")
            self.unknown(check, garbled)
        except Exception as error:  # the guarded place: a bug in one check leaves the others alone
            log.exception("check crashed", check=check.name, server=self.server.name)
            self.unknown(check, bug("the check", error))
        return ()


def bug(what: str, error: Exception) -> Unanswered:
    """The reason of what Mailvane itself did wrong."""
    return Unanswered(
        Reason.BUG,
        f"{what} itself failed with {type(error).__name__}; this is a bug in Mailvane",
        "report it with the log of `mailvane serve`",
    )


def _lost(request: Request[Any]) -> Unanswered:
    return Unanswered(Reason.BUG, f"no transport answered {type(request).__name__}")


def _result(check: str, verdict: Verdict, now: datetime) -> Result:
    return Result(
        check=check,
        item=redact(verdict.item),
        status=verdict.status,
        summary=redact(verdict.summary),
        observed_at=now,
        metrics=verdict.metrics,
        details=_redacted(verdict.details),
        evidence=tuple(_line(line) for line in verdict.evidence[:EVIDENCE_LIMIT]),
        limits=verdict.limits,
        fix=verdict.fix and redact(verdict.fix),
    )


def _line(text: str) -> str:
    # Cut twice: a secret that the limit would cut through is still known as one.
    return redact(text[: 2 * EVIDENCE_LINE_LIMIT])[:EVIDENCE_LINE_LIMIT]


def _redacted(value: Any) -> Any:
    match value:
        case str():
            return redact(value)
        case Mapping():
            return {_redacted(key): _redacted(part) for key, part in value.items()}
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
        fix=unanswered.fix and redact(unanswered.fix),
        reason=unanswered.reason,
    )
