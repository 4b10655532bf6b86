"""The instance check: who accepts a connection, and what its absence means."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mailvane.checks.host.instance import CHECK
from mailvane.core.errors import NotAnswered
from mailvane.core.request import TcpReach
from mailvane.core.response import Answered, Answers, Reason, Unanswered
from mailvane.core.result import Verdict
from mailvane.core.server import Local, Server, Ssh
from mailvane.core.status import Status

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SERVER = Server(name="mx", hostname="mx.test", address="192.0.2.1", reach=Ssh(host="192.0.2.9"))


def judged(response: TcpReach | Unanswered, server: Server = SERVER) -> Verdict:
    """The one verdict about this response."""
    (request,) = CHECK.ask(server, None)
    told = Answered(response, NOW) if isinstance(response, TcpReach) else response
    found = CHECK.read(server, Answers({request: told}, NOW), None)
    (verdict,) = CHECK.judge(found, CHECK.limits_for(server))
    return verdict


def test_a_machine_that_accepts_a_connection_is_healthy() -> None:
    """The sentence says where, and the time to connect is kept."""
    verdict = judged(TcpReach("192.0.2.9", 22, 0.012))
    assert (verdict.status, verdict.summary) == (
        Status.HEALTHY,
        "192.0.2.9 answers on port 22",
    )
    assert verdict.metrics[0].value == 0.012


def test_a_machine_with_only_its_mail_port_open_is_there() -> None:
    """SSH is shut, SMTP is not: reached, with what did not answer as evidence."""
    verdict = judged(TcpReach("192.0.2.9", 587, 0.02, ("port 22 refused",)))
    assert verdict.status is Status.HEALTHY
    assert verdict.evidence == ("port 22 refused",)


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.REFUSED])
def test_a_machine_that_lets_none_through_is_unhealthy(reason: Reason) -> None:
    """No answer from it is an answer about it."""
    verdict = judged(Unanswered(reason, "no port accepted within 5 s"))
    assert verdict.status is Status.UNHEALTHY
    assert verdict.summary == "192.0.2.9 is unreachable: no port accepted within 5 s"


@pytest.mark.parametrize("reason", [Reason.NOT_FOUND, Reason.PROTOCOL, Reason.BUG])
def test_our_own_trouble_is_not_the_machines(reason: Reason) -> None:
    """A name that does not resolve, or a bug of ours, leaves the machine unknown."""
    with pytest.raises(NotAnswered):
        judged(Unanswered(reason, "x"))


def test_it_is_a_gate() -> None:
    """Nothing else is asked of a machine that is not there."""
    assert CHECK.gate


@pytest.mark.parametrize(
    ("server", "address", "ports"),
    [
        (SERVER, "192.0.2.9", (587, 25)),
        (replace(SERVER, submission_port=None), "192.0.2.9", (25,)),
        (replace(SERVER, submission_port=25), "192.0.2.9", (25,)),
        (replace(SERVER, role="api"), "192.0.2.9", ()),
        (replace(SERVER, reach=Local()), "192.0.2.1", (587, 25)),
        (replace(SERVER, reach=Local(), address=None), "mx.test", (587, 25)),
    ],
)
def test_it_asks_where_the_server_is_reached(
    server: Server, address: str, ports: tuple[int, ...]
) -> None:
    """The address that we log in to; on a mail server its mail ports are tried after that."""
    (request,) = CHECK.ask(server, None)
    assert (request.address, request.ports) == (address, ports)


def test_this_machine_is_there() -> None:
    """The one that Mailvane runs on is reached without a port."""
    verdict = judged(TcpReach("this machine", 0, None), replace(SERVER, reach=Local()))
    assert (verdict.status, verdict.summary) == (
        Status.HEALTHY,
        "Mailvane runs on this machine",
    )
