"""Does every mail port serve a certificate that mail clients accept?

Each port is asked as a client asks it: STARTTLS on 25, 587, 143 and 110, TLS at once on 465, 993 and 995.
A certificate must lead to a trusted root, be for the server's name, and be within its dates.
Mail clients and other mail servers that verify refuse everything else, and users are asked to accept it.

| | degraded | unhealthy |
|---|---|---|
| days left | at most 30 | at most 7 |
| dates, name, trust | | expired, not yet valid, another name, untrusted |

Let's Encrypt's certificates live for 90 days and are renewed with 30 left: fewer mean that a renewal failed.
For one that lives shorter, both limits shrink in proportion: a third and 7/90 of its lifetime, so that a
certificate of 47 days is degraded with 15 left.
A port that does not answer is `unknown` here; whether its service runs is the `services` check's business.

**What to do.** `certbot renew` (or what else renews) says why a renewal failed.
Renewed but not served: `postfix reload` and `doveadm reload`, and put them into the renewal's deploy hook.
`unable to get local issuer certificate`: serve the whole chain (`fullchain.pem`, not `cert.pem`), or name
your own authority with `certificate.ca_file`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailvane.checks.tls._certificate import details_of, fix_for, for_lifetime, wrong_with
from mailvane.core.check import Check, runbook_of
from mailvane.core.errors import DoesNotApply, NotAnswered
from mailvane.core.request import StartTls, TlsHandshake, TlsPeer
from mailvane.core.response import Answers, Reason, Unanswered
from mailvane.core.result import Metric, Verdict
from mailvane.core.server import MailPort, Server
from mailvane.core.status import Status, worst
from mailvane.core.threshold import Bound, Compare, Limits, Threshold
from mailvane.core.words import plural

DAY = timedelta(days=1)
_BY_PORT = {
    465: StartTls.IMPLICIT,
    993: StartTls.IMPLICIT,
    995: StartTls.IMPLICIT,
    143: StartTls.IMAP,
    110: StartTls.POP3,
}


@dataclass(frozen=True, slots=True)
class Served:
    """What one port served, or why nothing was seen, at a time."""

    port: int
    name: str
    peer: TlsPeer | Unanswered
    at: datetime


def _ports(server: Server) -> tuple[MailPort, ...]:
    if server.certificate_ports is not None:
        return server.certificate_ports
    return (MailPort(server.submission_port),) if server.submission_port else ()


def _request(server: Server, port: MailPort) -> TlsHandshake:
    usual = _BY_PORT.get(port.port, StartTls.SMTP)
    return TlsHandshake(
        address=server.outside,
        port=port.port,
        name=server.hostname,
        starttls=StartTls(port.starttls) if port.starttls else usual,
        ca_file=str(server.ca_file) if server.ca_file else None,
        keep_seconds=server.certificate_every_seconds,
    )


def _applies(server: Server) -> str | None:
    if server.certificate_ports or (server.is_mail and _ports(server)):
        return None
    return "no port whose certificate could be looked at" if server.is_mail else "not a mail server"


def ask(server: Server, before: tuple[Served, ...] | None) -> Iterable[TlsHandshake]:
    """One handshake with each port."""
    del before
    return tuple(_request(server, port) for port in _ports(server))


def read(server: Server, answers: Answers, before: tuple[Served, ...] | None) -> tuple[Served, ...]:
    """What each port served; one that did not answer leaves the others alone.

    Where nobody said that there is submission, a port that refuses is none to look at.
    """
    del before
    ports = tuple(_served(answers, _request(server, port)) for port in _ports(server))
    if server.services is None and server.certificate_ports is None and all(map(_refused, ports)):
        raise DoesNotApply(f"nothing listens on port {server.submission_port}")
    return ports


def _refused(served: Served) -> bool:
    return isinstance(served.peer, Unanswered) and served.peer.reason is Reason.REFUSED


def _served(answers: Answers, request: TlsHandshake) -> Served:
    try:
        peer: TlsPeer | Unanswered = answers[request]
    except NotAnswered as error:
        peer = error.unanswered
    return Served(request.port, request.name, peer, answers.now)


def judge(ports: tuple[Served, ...], limits: Limits) -> Iterable[Verdict]:
    """One verdict for each port."""
    for served in ports:
        if isinstance(served.peer, Unanswered):
            yield _unseen(served.port, served.peer)
        else:
            yield _judged(served, served.peer, limits["days_left"])


def _unseen(port: int, why: Unanswered) -> Verdict:
    return Verdict(
        item=str(port),
        status=Status.UNKNOWN,
        summary=f"the certificate is not known: {why.detail}",
        metrics=(Metric("certificate_days_left", None),),
        details={"reason": why.reason.value},
        fix=why.fix,
    )


def _judged(served: Served, peer: TlsPeer, limit: Threshold) -> Verdict:
    left = peer.not_after - served.at
    days = left // DAY
    limit = for_lifetime(limit, peer.not_after - peer.not_before)
    wrong = wrong_with(peer, served.name, served.at)
    status = worst([limit.judge(days), *([Status.UNHEALTHY] if wrong else [])])
    ends = f"{plural(days, 'day')} left until {peer.not_after:%Y-%m-%d} {limit}"
    return Verdict(
        item=str(served.port),
        status=status,
        summary="; ".join(wrong if left < timedelta() else (*wrong, ends)),
        metrics=(
            Metric("certificate_days_left", days, limit),
            Metric("certificate_expires_timestamp_seconds", int(peer.not_after.timestamp())),
        ),
        details=details_of(peer),
        limits=str(limit),
        fix=None if status is Status.HEALTHY else fix_for(peer),
    )


CHECK = Check[tuple[Served, ...]](
    name="certificate",
    title="Certificates",
    ask=ask,
    read=read,
    judge=judge,
    applies=_applies,
    limits={
        "days_left": Threshold(
            Bound(Compare.AT_MOST, 30),
            Bound(Compare.AT_MOST, 7),
            " days",
            "Let's Encrypt renews with 30 of 90 days left",
        )
    },
    runbook=runbook_of(__name__),
)
