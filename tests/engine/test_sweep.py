"""One sweep of one server, over a transport that gives what it was given."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailvane.core.check import Check
from mailvane.core.errors import DoesNotApply, GarbledAnswer
from mailvane.core.ports import Responses
from mailvane.core.request import Request, ShellCommand, ShellOutput
from mailvane.core.response import Answered, Answers, Reason, Unanswered
from mailvane.core.result import Report, Verdict
from mailvane.core.server import Local, Server
from mailvane.core.status import Status, rank
from mailvane.core.threshold import Limits, rising
from mailvane.engine.sweep import EVIDENCE_LIMIT, EVIDENCE_LINE_LIMIT, Sweeper

NOW = datetime(2025, 1, 12, 18, 30, tzinfo=UTC)
SERVER = Server(name="mail-va", hostname="mail-va.example", reach=Local())
ONE, TWO = ShellCommand("one"), ShellCommand("two")
KEPT = ShellCommand("kept", keep_seconds=300)
AWAY = Unanswered(Reason.TIMEOUT, "expected an answer within 8 s, found none", "try again")


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        """Where it stands."""
        return self.now

    def goes_on(self, seconds: float) -> None:
        """So much later."""
        self.now += timedelta(seconds=seconds)


@dataclass
class Transport:
    """Answers every request with its script's text, unless told otherwise."""

    clock: Clock = field(default_factory=Clock)
    says: dict[Request[Any], Any] = field(default_factory=dict)
    drops: set[Request[Any]] = field(default_factory=set)
    sent: list[list[Request[Any]]] = field(default_factory=list)

    async def send(self, _: Server, requests: Sequence[Request[Any]]) -> Responses:
        """The responses; those that are to be dropped are not among them."""
        self.sent.append(list(requests))
        return {r: self._response(r) for r in requests if r not in self.drops}

    def _response(self, request: Request[Any]) -> Answered[Any] | Unanswered:
        said = self.says.get(request, ShellOutput(0, b"fine", b""))
        return said if isinstance(said, Unanswered) else Answered(said, self.clock())

    async def forget(self, name: str) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""


def check(name: str, *asks: Request[Any], **parts: Any) -> Check[Any]:
    """A check that asks, reads all its answers and finds the server healthy, unless told otherwise."""

    def read(_: Server, answers: Answers, __: Any) -> list[Any]:
        return [answers[request] for request in asks]

    def judge(_: Any, __: Limits) -> Iterable[Verdict]:
        yield Verdict(status=Status.HEALTHY, summary="fine")

    given = {"ask": lambda *_: asks, "read": read, "judge": judge} | parts
    return Check(name=name, title=name.title(), **given)


def judged(*verdicts: Verdict) -> Callable[..., Iterable[Verdict]]:
    """A judgement that is always the same."""
    return lambda *_: verdicts


def verdict(status: Status = Status.HEALTHY, **parts: Any) -> Verdict:
    """A verdict."""
    return Verdict(status=status, **{"summary": "so it is"} | parts)


def raising(error: Exception) -> Callable[..., Any]:
    """A part of a check that fails."""

    def fail(*_: Any) -> Any:
        raise error

    return fail


def sweep(
    *checks: Check[Any], transport: Transport | None = None, server: Server = SERVER
) -> Report:
    """The report of one sweep with these checks."""
    carries = transport or Transport()
    return asyncio.run(Sweeper(checks, carries, carries.clock).sweep(server))


def statuses(report: Report) -> dict[str, Status]:
    """The status of each check's last result."""
    return {result.check: result.status for result in report.results}


# Gates


def test_an_unhealthy_gate_keeps_all_others_from_being_asked() -> None:
    """Of an unreachable server nothing else is asked; the report names what was not."""
    transport = Transport()
    gate = check("instance", ONE, gate=True, judge=judged(verdict(Status.UNHEALTHY)))
    report = sweep(gate, check("queue", TWO), check("disk", KEPT), transport=transport)
    assert transport.sent == [[ONE]]
    assert report.status is Status.UNHEALTHY
    assert report.not_asked == ("queue", "disk")
    assert statuses(report) == {"instance": Status.UNHEALTHY}


@pytest.mark.parametrize("status", [Status.HEALTHY, Status.UNKNOWN, Status.DEGRADED])
def test_any_other_gate_lets_all_be_asked(status: Status) -> None:
    """A gate that is not unhealthy, or not known, holds nothing back."""
    gate = check("instance", ONE, gate=True, judge=judged(verdict(status)))
    report = sweep(gate, check("queue", TWO))
    assert statuses(report) == {"instance": status, "queue": Status.HEALTHY}
    assert report.not_asked == ()


def test_gates_are_asked_before_the_others() -> None:
    """Wherever a gate stands in the catalogue, its question goes out first."""
    transport = Transport()
    sweep(check("queue", TWO), check("instance", ONE, gate=True), transport=transport)
    assert transport.sent == [[ONE], [TWO]]


# Questions


def test_equal_questions_are_asked_once() -> None:
    """Checks that ask the same share one answer, also with a gate."""
    transport = Transport()
    report = sweep(
        check("instance", ONE, gate=True),
        check("queue", ONE, TWO, TWO),
        check("disk", TWO),
        transport=transport,
    )
    assert transport.sent == [[ONE], [TWO]]
    assert set(statuses(report).values()) == {Status.HEALTHY}


def test_a_check_without_questions_needs_no_transport() -> None:
    """Nothing is sent when nothing is asked."""
    transport = Transport()
    assert sweep(check("idle"), transport=transport).status is Status.HEALTHY
    assert transport.sent == []


def test_a_request_that_no_transport_answered_is_our_bug() -> None:
    """A response that is missing is not taken for anything; the check is unknown."""
    report = sweep(check("queue", ONE), transport=Transport(drops={ONE}))
    [result] = report.results
    assert (result.status, result.reason) == (Status.UNKNOWN, Reason.BUG)
    assert "ShellCommand" in result.summary


# What is kept from sweep to sweep


@pytest.mark.parametrize(("age", "asked"), [(299.9, 1), (300, 2), (300.1, 2)])
def test_a_kept_answer_is_used_while_it_is_young_enough(age: float, asked: int) -> None:
    """A request that may be kept for 300 s is asked again from 300 s on."""
    transport = Transport()
    sweeper = Sweeper([check("tls", KEPT)], transport, transport.clock)
    asyncio.run(sweeper.sweep(SERVER))
    transport.clock.goes_on(age)
    asyncio.run(sweeper.sweep(SERVER))
    assert len(transport.sent) == asked


def test_a_kept_answer_keeps_its_time() -> None:
    """The check sees when a kept answer was observed, and it does not grow younger by being used."""
    transport, seen = Transport(), []

    def read(_: Server, answers: Answers, __: Any) -> None:
        seen.append(answers.observed_at(KEPT))

    sweeper = Sweeper([check("tls", KEPT, read=read)], transport, transport.clock)
    for _ in range(3):
        asyncio.run(sweeper.sweep(SERVER))
        transport.clock.goes_on(200)
    assert seen == [NOW, NOW, NOW + timedelta(seconds=400)]


def test_asking_anew_uses_nothing_that_was_kept() -> None:
    """Whoever asks for a sweep after a repair is told what is true now; what a check remembers stays."""
    transport = Transport()
    sweeper = Sweeper([check("tls", KEPT)], transport, transport.clock)
    asyncio.run(sweeper.sweep(SERVER))
    sweeper.ask_anew(SERVER.name)
    sweeper.ask_anew("nobody")
    asyncio.run(sweeper.sweep(SERVER))
    assert len(transport.sent) == 2


def test_what_was_not_answered_is_asked_again() -> None:
    """Only answers are kept, not their absence."""
    transport = Transport(says={KEPT: AWAY})
    sweeper = Sweeper([check("tls", KEPT)], transport, transport.clock)
    asyncio.run(sweeper.sweep(SERVER))
    transport.says.clear()
    assert asyncio.run(sweeper.sweep(SERVER)).status is Status.HEALTHY


def test_a_check_gets_its_last_observation() -> None:
    """`ask` and `read` see what the sweep before observed; a sweep that failed in between changes nothing."""
    transport, seen = Transport(), []

    def ask(_: Server, before: int | None) -> Iterable[Request[Any]]:
        seen.append(before)
        return (ONE,)

    def read(_: Server, answers: Answers, before: int | None) -> int:
        assert answers[ONE]
        return (before or 0) + 1

    sweeper = Sweeper([check("log", ask=ask, read=read)], transport, transport.clock)
    asyncio.run(sweeper.sweep(SERVER))
    transport.says[ONE] = AWAY
    asyncio.run(sweeper.sweep(SERVER))
    transport.says.clear()
    asyncio.run(sweeper.sweep(SERVER))
    asyncio.run(sweeper.sweep(SERVER))
    assert seen == [None, 1, 1, 2]


def test_a_judgement_that_failed_leaves_the_place_as_it_was() -> None:
    """An observation that could not be judged is not the last one: what it read is read again."""
    transport, seen, works = Transport(), [], [False]

    def read(_: Server, __: Answers, before: int | None) -> int:
        seen.append(before)
        return 1

    def judge(_: int, __: Limits) -> Iterable[Verdict]:
        yield verdict()
        assert works[0]

    sweeper = Sweeper([check("log", ONE, read=read, judge=judge)], transport, transport.clock)
    report = asyncio.run(sweeper.sweep(SERVER))
    assert [result.status for result in report.results] == [Status.UNKNOWN]
    works[0] = True
    asyncio.run(sweeper.sweep(SERVER))
    asyncio.run(sweeper.sweep(SERVER))
    assert seen == [None, None, 1]


def test_forgetting_is_beginning_anew() -> None:
    """After `forget` no answer, no observation and no custom check of that server is left; others stay."""
    transport, seen = Transport(), []

    def read(server: Server, _: Answers, before: int | None) -> int:
        seen.append((server.name, before))
        return 1

    made: list[str] = []

    def custom(server: Server) -> list[Check[Any]]:
        made.append(server.name)
        return []

    other = Server(name="mail-or", hostname="mail-or.example", reach=Local())
    sweeper = Sweeper([check("tls", KEPT, read=read)], transport, transport.clock, custom)
    for server in (SERVER, other):
        asyncio.run(sweeper.sweep(server))
    sweeper.forget("mail-va")
    for server in (SERVER, other):
        asyncio.run(sweeper.sweep(server))
    assert seen == [("mail-va", None), ("mail-or", None), ("mail-va", None), ("mail-or", 1)]
    assert transport.sent == [[KEPT]] * 3
    assert made == ["mail-va", "mail-or", "mail-va"]


# What goes wrong


def test_silence_is_unknown_with_reason_and_fix() -> None:
    """A request without an answer makes its check unknown in the transport's words."""
    report = sweep(check("queue", ONE), check("disk", TWO), transport=Transport(says={ONE: AWAY}))
    assert statuses(report) == {"queue": Status.UNKNOWN, "disk": Status.HEALTHY}
    result = report.results[0]
    assert (result.reason, result.summary, result.fix) == (AWAY.reason, AWAY.detail, AWAY.fix)
    assert report.status is Status.UNKNOWN


def test_a_garbled_answer_is_unknown() -> None:
    """An answer in another form than the check knows is a matter of protocol, with what was found."""
    garbled = check("queue", ONE, read=raising(GarbledAnswer("expected JSON, found 'moo'")))
    result = sweep(garbled).results[0]
    assert (result.status, result.reason) == (Status.UNKNOWN, Reason.PROTOCOL)
    assert "moo" in result.summary


@pytest.mark.parametrize("part", ["applies", "ask", "read", "judge"])
@pytest.mark.parametrize("gate", [False, True])
def test_a_crash_anywhere_in_a_check_is_unknown(part: str, *, gate: bool) -> None:
    """Whichever part of a check fails, it alone is unknown for our bug; all others are asked."""
    crashing = check("queue", ONE, gate=gate, **{part: raising(ZeroDivisionError("secret text"))})
    report = sweep(check("instance", gate=True), crashing, check("disk", TWO))
    assert statuses(report) == {
        "instance": Status.HEALTHY,
        "queue": Status.UNKNOWN,
        "disk": Status.HEALTHY,
    }
    [result] = report.of("queue")
    assert result.reason is Reason.BUG
    assert "ZeroDivisionError" in result.summary
    assert "secret text" not in result.summary


def test_half_a_judgement_is_none() -> None:
    """When a judgement fails after its first verdict, that verdict does not stand."""

    def judge(_: Any, __: Limits) -> Iterable[Verdict]:
        yield verdict(item="/")
        raise ZeroDivisionError

    report = sweep(check("disk", ONE, judge=judge))
    assert [(result.item, result.status) for result in report.results] == [("", Status.UNKNOWN)]


def test_reading_what_was_not_asked_is_our_bug() -> None:
    """A check cannot read the answer to a question that nobody asked."""

    def read(_: Server, answers: Answers, __: Any) -> Any:
        return answers[TWO]

    assert sweep(check("queue", ONE, read=read)).results[0].reason is Reason.BUG


# What takes no part


def test_a_check_that_does_not_apply_says_why() -> None:
    """By the server, by its answers or by the configuration: no result, but a reason."""
    server = Server(
        name="api", hostname="api.example", reach=Local(), checks_off=frozenset({"disk"})
    )
    transport = Transport()
    report = sweep(
        check("queue", ONE, applies=lambda server: f"{server.name} has no Postfix"),
        check("delivery", TWO, read=raising(DoesNotApply("no database is configured"))),
        check("disk", KEPT),
        check("load"),
        transport=transport,
        server=server,
    )
    assert {part.check: part.why for part in report.not_applicable} == {
        "queue": "api has no Postfix",
        "delivery": "no database is configured",
        "disk": "switched off",
    }
    assert transport.sent == [[TWO]]
    assert report.status is Status.HEALTHY


def test_a_server_to_which_nothing_applies_is_unknown() -> None:
    """Without any result nothing is known, and nothing is healthy."""
    assert sweep().status is Status.UNKNOWN
    assert sweep(check("queue", applies=lambda _: "no")).status is Status.UNKNOWN


# The report


def test_the_worst_result_is_the_status() -> None:
    """The report is as bad as the worst of its results; each result has its check, item and time."""
    disk = check("disk", judge=judged(verdict(item="/"), verdict(Status.DEGRADED, item="/var/log")))
    report = sweep(check("load"), disk)
    assert report.status is Status.DEGRADED
    assert [(r.check, r.item, r.observed_at) for r in report.results] == [
        ("load", "", NOW),
        ("disk", "/", NOW),
        ("disk", "/var/log", NOW),
    ]


def test_the_servers_own_limits_are_in_force() -> None:
    """A check judges with the numbers that the configuration gives that server."""

    def judge(_: Any, limits: Limits) -> Iterable[Verdict]:
        yield verdict(limits["messages"].judge(50))

    server = Server(
        name="a", hostname="a", reach=Local(), limits={"queue": {"messages": {"degraded": 50}}}
    )
    queue = check("queue", judge=judge, limits={"messages": rising(100, 500)})
    assert sweep(queue, server=SERVER).status is Status.HEALTHY
    assert sweep(queue, server=server).status is Status.DEGRADED


def test_custom_checks_are_checks() -> None:
    """What a server has of its own is asked, judged and reported like the catalogue."""
    transport = Transport()
    sweeper = Sweeper(
        [check("load", ONE)], transport, transport.clock, lambda _: [check("mine", TWO)]
    )
    report = asyncio.run(sweeper.sweep(SERVER))
    assert transport.sent == [[ONE, TWO]]
    assert set(statuses(report)) == {"load", "mine"}


def test_secrets_and_control_characters_go_nowhere() -> None:
    """Whatever text a check took from a server is redacted before it is kept, wherever it stands."""
    secret = "x password=hunter2 \x1b[31m"
    telling = check(
        "log",
        judge=judged(
            verdict(
                summary=secret,
                item=secret,
                details={secret: [{"deep": (secret, 1)}]},
                evidence=(secret,),
                fix=secret,
            )
        ),
    )
    silent = check("queue", ONE)
    absent = check("delivery", read=raising(DoesNotApply(secret)))
    away = Unanswered(Reason.PROTOCOL, secret, secret)
    report = sweep(telling, silent, absent, transport=Transport(says={ONE: away}))
    said = repr(report)
    assert "hunter2" not in said
    assert "\\x1b" not in said
    assert said.count("password=***") == 9


def test_evidence_is_bounded() -> None:
    """Of many long lines the first are kept, cut; a secret that the cut goes through is not shown."""
    padding = "y" * (EVIDENCE_LINE_LIMIT - 14)
    lines = (f"{padding} Bearer abcdefghijklmnop", *("z" * 10_000 for _ in range(500)))
    report = sweep(check("log", judge=judged(verdict(evidence=lines))))
    evidence = report.results[0].evidence
    assert len(evidence) == EVIDENCE_LIMIT
    assert {len(line) for line in evidence[1:]} == {EVIDENCE_LINE_LIMIT}
    assert "abc" not in evidence[0]


def test_a_sweep_that_came_to_nothing_is_unknown_in_every_check() -> None:
    """`unanswered` gives each check that applies, custom ones too, the same reason; and asks nothing."""
    transport = Transport()
    sweeper = Sweeper(
        [check("load", ONE), check("queue", applies=lambda _: "no Postfix")],
        transport,
        transport.clock,
        lambda _: [check("mine", TWO)],
    )
    asyncio.run(sweeper.sweep(SERVER))
    report = sweeper.unanswered(SERVER, AWAY)
    assert len(transport.sent) == 1
    assert report.status is Status.UNKNOWN
    assert {(r.check, r.status, r.reason) for r in report.results} == {
        ("load", Status.UNKNOWN, Reason.TIMEOUT),
        ("mine", Status.UNKNOWN, Reason.TIMEOUT),
    }
    assert [part.check for part in report.not_applicable] == ["queue"]


# Never healthy without an answer

REQUESTS = [ShellCommand(f"question {number}", keep_seconds=number % 2 * 50) for number in range(6)]
REASONS = st.sampled_from(Reason).map(lambda reason: Unanswered(reason, "no answer"))
ASKING = st.lists(
    st.tuples(st.sets(st.sampled_from(REQUESTS), min_size=1), st.booleans()), min_size=1, max_size=6
)
SILENCES = st.lists(st.dictionaries(st.sampled_from(REQUESTS), REASONS), min_size=1, max_size=4)


@given(asking=ASKING, silences=SILENCES)
def test_no_check_sees_health_in_silence(
    asking: list[tuple[set[ShellCommand], bool]], silences: list[dict[Request[Any], Unanswered]]
) -> None:
    """Over sweeps with any checks and any silences: healthy only with every answer, young enough to count."""
    transport = Transport()
    checks = [
        check(f"c{number}", *requests, gate=gate) for number, (requests, gate) in enumerate(asking)
    ]
    sweeper = Sweeper(checks, transport, transport.clock)
    answered_at: dict[Request[Any], datetime] = {}
    for silence in silences:
        transport.says = dict(silence)
        report = asyncio.run(sweeper.sweep(SERVER))
        now = transport.clock()
        for request in REQUESTS:
            kept = now - answered_at.get(request, datetime.min.replace(tzinfo=UTC))
            if request not in silence and kept >= timedelta(seconds=request.keep_seconds):
                answered_at[request] = now
        for number, (requests, _) in enumerate(asking):
            known = all(
                request not in silence
                or now - answered_at.get(request, datetime.min.replace(tzinfo=UTC))
                < timedelta(seconds=request.keep_seconds)
                for request in requests
            )
            [result] = report.of(f"c{number}")
            assert result.status is not Status.HEALTHY or known
            assert rank(report.status) >= rank(result.status)
        transport.clock.goes_on(30)
