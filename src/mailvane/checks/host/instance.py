"""Is the machine there at all?

The machine is `healthy` when it accepts a TCP connection on the port that it is reached by (22 for SSH),
or else on its submission port or on 25.
The machine that Mailvane itself runs on is reached without asking.
It is `unhealthy` when none of them answers: then mail users cannot reach it either.
Nothing else is asked of an unreachable machine, since every other question would only time out.

**What to do.** Look at the machine's console or at the cloud's page for the instance.
If it runs, the way is blocked: check the security group, the firewall (`nft list ruleset`), and the route.
If only SSH is closed while a mail port answers, `systemctl status ssh` on the console tells why.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mailvane.core.check import Check, runbook_of
from mailvane.core.errors import NotAnswered
from mailvane.core.request import TcpConnect
from mailvane.core.response import Answers, Reason
from mailvane.core.result import Metric, Verdict
from mailvane.core.server import Server, Ssh
from mailvane.core.status import Status
from mailvane.core.threshold import Limits

SMTP_PORT = 25


@dataclass(frozen=True, slots=True)
class Reached:
    """Whether the machine accepted a connection, and where."""

    address: str
    port: int | None
    """None: unreachable; 0: the machine is this one."""
    connect_seconds: float | None
    refused: tuple[str, ...]


def _request(server: Server) -> TcpConnect:
    ports = dict.fromkeys(
        (server.submission_port or SMTP_PORT, SMTP_PORT) if server.is_mail else ()
    )
    address = server.reach.host if isinstance(server.reach, Ssh) else server.outside
    return TcpConnect(address, tuple(ports))


def ask(server: Server, before: Reached | None) -> Iterable[TcpConnect]:
    """One question: who answers there?"""
    del before
    return (_request(server),)


def read(server: Server, answers: Answers, before: Reached | None) -> Reached:
    """Where a connection was accepted; a machine that lets none through is an answer as well."""
    del before
    request = _request(server)
    try:
        reach = answers[request]
    except NotAnswered as error:
        if error.unanswered.reason not in (Reason.TIMEOUT, Reason.REFUSED):
            raise
        return Reached(request.address, None, None, (error.unanswered.detail,))
    return Reached(reach.address, reach.port, reach.seconds, reach.refused)


def judge(reached: Reached, limits: Limits) -> Iterable[Verdict]:
    """Reached is healthy, unreachable is unhealthy."""
    del limits
    if reached.port is None:
        yield Verdict(
            status=Status.UNHEALTHY,
            summary=f"{reached.address} is unreachable: {'; '.join(reached.refused)}",
            fix="look at the machine's console, then at the firewall in between",
        )
        return
    yield Verdict(
        status=Status.HEALTHY,
        summary=_where(reached),
        metrics=(Metric("connect_seconds", reached.connect_seconds),),
        evidence=reached.refused,
    )


def _where(reached: Reached) -> str:
    """Port 0 stands for the machine that Mailvane itself runs on."""
    if reached.port == 0:
        return f"Mailvane runs on {reached.address}"
    return f"{reached.address} answers on port {reached.port}"


CHECK = Check[Reached](
    name="instance",
    title="Machine",
    ask=ask,
    read=read,
    judge=judge,
    gate=True,
    runbook=runbook_of(__name__),
)
