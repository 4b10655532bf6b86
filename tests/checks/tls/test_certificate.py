"""The certificate check."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailvane.checks.tls.certificate import CHECK
from mailvane.core.errors import DoesNotApply
from mailvane.core.request import StartTls, TlsPeer
from mailvane.core.response import Answered, Answers, Reason, Unanswered
from mailvane.core.result import Verdict
from mailvane.core.server import Local, MailPort, Server, Service
from mailvane.core.status import Status

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SERVER = Server(name="mx", hostname="mx.example", reach=Local(), address="192.0.2.1")
PEER = TlsPeer(
    subject="CN=mx.example",
    issuer="CN=R11",
    names=("mx.example",),
    serial="5",
    not_before=NOW - timedelta(days=30),
    not_after=NOW + timedelta(days=60),
    protocol="TLSv1.3",
    trusted=True,
    trust_error=None,
    name_matches=True,
)


def judged(peer: TlsPeer | Unanswered, server: Server = SERVER) -> Verdict:
    """The verdict on what port 587 served."""
    (request,) = CHECK.ask(server, None)
    response = peer if isinstance(peer, Unanswered) else Answered(peer, NOW)
    observed = CHECK.read(server, Answers({request: response}, NOW), None)
    (verdict,) = CHECK.judge(observed, CHECK.limits_for(server))
    return verdict


def living(lifetime_days: float, left: timedelta) -> TlsPeer:
    """A certificate that lives so long and has so much of it left."""
    end = NOW + left
    start = end - timedelta(days=lifetime_days) + timedelta(seconds=1)
    return replace(PEER, not_before=start, not_after=end)


@pytest.mark.parametrize(
    ("lifetime", "left", "status"),
    [
        (90, timedelta(days=31), "healthy"),
        (90, timedelta(days=31, seconds=-1), "degraded"),
        (90, timedelta(days=30), "degraded"),
        (90, timedelta(days=8), "degraded"),
        (90, timedelta(days=8, seconds=-1), "unhealthy"),
        (90, timedelta(days=7), "unhealthy"),
        (90, timedelta(hours=1), "unhealthy"),
        (398, timedelta(days=30), "degraded"),
        (47, timedelta(days=16), "healthy"),
        (47, timedelta(days=15), "degraded"),
        (47, timedelta(days=4), "degraded"),
        (47, timedelta(days=3), "unhealthy"),
        (6, timedelta(days=3), "healthy"),
        (6, timedelta(days=2), "degraded"),
        (6, timedelta(hours=5), "unhealthy"),
    ],
)
def test_days_left_are_judged_by_the_lifetime(lifetime: int, left: timedelta, status: str) -> None:
    """Whole days count; 30 and 7 of 90, and in proportion for a certificate that lives shorter."""
    assert judged(living(lifetime, left)).status == status


def test_the_limits_are_said_as_they_were_applied() -> None:
    """A short-lived certificate shows its own limits; a usual one those of the table."""
    assert judged(PEER).limits == "(degraded at most 30 days, unhealthy at most 7 days)"
    short = judged(living(47, timedelta(days=20)))
    assert short.limits == "(degraded at most 15.7 days, unhealthy at most 3.7 days)"
    assert short.metrics[0].limit is not None
    assert str(short.metrics[0].limit) == short.limits


def test_a_good_certificate_says_how_long() -> None:
    """The summary leads with the days left."""
    verdict = judged(PEER)
    assert verdict.item == "587"
    assert verdict.summary.startswith("60 days left until 2027-01-23")
    assert {m.name: m.value for m in verdict.metrics} == {
        "certificate_days_left": 60,
        "certificate_expires_timestamp_seconds": PEER.not_after.timestamp(),
    }


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"not_after": NOW - timedelta(days=2)}, "expired 2 d ago, on 2026-11-22"),
        ({"not_before": NOW + timedelta(days=1)}, "not valid before 2026-11-25 08:00 UTC; 60"),
        ({"name_matches": False, "names": ("a.example",)}, "for a.example, not for mx.example"),
        ({"name_matches": False, "names": ()}, "for no name at all, not for mx.example"),
        ({"trusted": False, "trust_error": "self-signed"}, "not trusted: self-signed; 60 days"),
    ],
)
def test_what_a_client_refuses_is_unhealthy(wrong: dict[str, object], said: str) -> None:
    """Expired, not yet valid, for another name or untrusted: said first, and with what mends it."""
    verdict = judged(replace(PEER, **wrong))  # type: ignore[arg-type]
    assert verdict.status is Status.UNHEALTHY
    assert verdict.summary.startswith(said)
    assert verdict.fix


def test_all_that_is_wrong_is_said() -> None:
    """An expired certificate for another name by nobody we trust is all three."""
    bad = replace(
        PEER,
        not_after=NOW - timedelta(days=2, seconds=1),
        name_matches=False,
        trusted=False,
        trust_error="self-signed certificate",
    )
    verdict = judged(bad)
    assert verdict.summary.count(";") == 2
    assert verdict.metrics[0].value == -3


def test_a_port_that_does_not_answer_is_unknown() -> None:
    """Nothing is known of its certificate: None, never a number, with the reason and the fix."""
    server = replace(SERVER, services=(Service("postfix"),))
    verdict = judged(Unanswered(Reason.REFUSED, "192.0.2.1:587: refused", "start it"), server)
    assert verdict.status is Status.UNKNOWN
    assert verdict.metrics[0].value is None
    assert verdict.summary == "the certificate is not known: 192.0.2.1:587: refused"
    assert (verdict.fix, verdict.details["reason"]) == ("start it", "refused")


def test_submission_that_nobody_spoke_of_is_not_missed() -> None:
    """Without a list of services a refused port is none to look at; one that hangs is unknown."""
    with pytest.raises(DoesNotApply, match="nothing listens on port 587"):
        judged(Unanswered(Reason.REFUSED, "refused"))
    assert judged(Unanswered(Reason.TIMEOUT, "no answer")).status is Status.UNKNOWN


def test_each_port_is_asked_in_its_own_way() -> None:
    """STARTTLS or TLS at once by the port's number, unless the configuration says how."""
    ports = tuple(map(MailPort, (25, 587, 465, 143, 993, 110, 995, 2525)))
    server = replace(SERVER, certificate_ports=(*ports, MailPort(8465, "implicit")))
    asked = {request.port: request.starttls for request in CHECK.ask(server, None)}
    smtp, imap, pop3, implicit = StartTls.SMTP, StartTls.IMAP, StartTls.POP3, StartTls.IMPLICIT
    assert asked == {
        25: smtp,
        587: smtp,
        465: implicit,
        143: imap,
        993: implicit,
        110: pop3,
        995: implicit,
        2525: smtp,
        8465: implicit,
    }


def test_the_question_goes_outside_with_the_name_of_the_world() -> None:
    """The address from outside, the host name to verify, and our own authorities beside the system's."""
    (request,) = CHECK.ask(replace(SERVER, ca_file=Path("/etc/ca.pem")), None)
    assert (request.address, request.port, request.name) == ("192.0.2.1", 587, "mx.example")
    assert request.ca_file == "/etc/ca.pem"
    assert request.keep_seconds == 300


def test_one_silent_port_leaves_the_others_alone() -> None:
    """Each port has a verdict of its own."""
    server = replace(SERVER, certificate_ports=(MailPort(587), MailPort(993)))
    one, other = CHECK.ask(server, None)
    responses = {one: Unanswered(Reason.TIMEOUT, "late"), other: Answered(PEER, NOW)}
    observed = CHECK.read(server, Answers(responses, NOW), None)
    verdicts = CHECK.judge(observed, CHECK.limits_for(server))
    assert [(v.item, v.status.value) for v in verdicts] == [("587", "unknown"), ("993", "healthy")]


def test_it_takes_no_part_where_there_is_no_port() -> None:
    """An API server has no mail port, unless one is listed."""
    api = replace(SERVER, role="api")
    assert CHECK.applies(SERVER) is None
    assert CHECK.applies(api) == "not a mail server"
    assert CHECK.applies(replace(api, certificate_ports=(MailPort(993),))) is None
    assert CHECK.applies(replace(SERVER, submission_port=None)) is not None


def test_the_configuration_moves_the_limits() -> None:
    """Somebody who wants to know earlier is told earlier."""
    server = replace(SERVER, limits={"certificate": {"days_left": {"degraded": 60}}})
    assert judged(PEER, server).status is Status.DEGRADED
