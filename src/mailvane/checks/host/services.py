"""Do the mail services run?

Postfix takes and sends mail, Dovecot lets users read it and checks their passwords, OpenDKIM signs what goes
out. Any other systemd unit can be watched beside them (`services:` in the configuration); without that list
those of the three take part that are installed and not disabled.

| | status |
|---|---|
| all run and listen | healthy |
| some are down, one misses a port, or systemd had to restart one in the last 15 minutes | degraded |
| all are down, or one that is marked `critical` | unhealthy |

"Down" is also a service that runs while nothing listens on its ports: Postfix on 25 and the submission port,
Dovecot on one of 143, 993, 110, 995, 24 and 4190, OpenDKIM on a port or socket that Postfix or its own
defaults name (8891, 12301, 8892).
Postfix runs when its `master` process does: on Debian to 12 `postfix.service` only runs `/bin/true` and
stays active when Postfix is dead, so that `postfix@-.service` is asked there, and the process everywhere.
Without systemd only the processes are asked.

**Why it matters.** Without Postfix no mail comes or goes; other servers try again for some days.
Without Dovecot nobody reads mail, and where Postfix asks it for passwords nobody sends any.
Without OpenDKIM it depends on Postfix's `milter_default_action`: `accept` sends mail **unsigned and without
a word**, `tempfail` (the default to 3.10) and `shutdown` (from 3.11) delay all mail, `reject` refuses it,
`quarantine` puts it on hold (`postconf(5)`).

**What to do.** `systemctl status UNIT` and `journalctl -u UNIT -n 50` say why it stopped.
Test the configuration first (`postfix check`, `doveconf -n`, `opendkim -n`), look at the `disk` check, then
`systemctl restart UNIT`; OpenDKIM before Postfix. A service that systemd restarts again and again crashes:
the journal has the reason.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from mailvane.checks import _postconf
from mailvane.checks.host import _milter
from mailvane.checks.host._service import Seen, look, restarts
from mailvane.checks.host._services import DAEMONS, Machine, command, parse
from mailvane.core.check import Check, runbook_of
from mailvane.core.errors import DoesNotApply, GarbledAnswer, NotAnswered
from mailvane.core.request import ShellCommand
from mailvane.core.response import Answers, Reason, Unanswered
from mailvane.core.result import Metric, Verdict
from mailvane.core.server import Server, Service
from mailvane.core.status import Status, worst
from mailvane.core.threshold import Limits


@dataclass(frozen=True, slots=True)
class Services:
    """Every watched service, and what becomes of mail without OpenDKIM."""

    seen: tuple[Seen, ...]
    without_milter: str | None

    def at(self, name: str) -> Seen | None:
        """The service of that name."""
        return next((seen for seen in self.seen if seen.service.name == name), None)


def applies(server: Server) -> str | None:
    """A mail server, or any other for which services are listed."""
    found_here = server.services is None and server.is_mail
    return None if server.services or found_here else "no services are listed for this server"


def _command(server: Server) -> ShellCommand:
    every = tuple(Service(name) for name in DAEMONS)
    return command(server, every if server.services is None else server.services)


def ask(server: Server, before: Services | None) -> Iterable[ShellCommand]:
    """What runs and listens there, and what Postfix does about its milters."""
    del before
    return (_command(server), _postconf.COMMAND)


def read(server: Server, answers: Answers, before: Services | None) -> Services:
    """Each service as it is, with its restarts since the sweep before."""
    machine = _seen_at_all(parse(answers[_command(server)].output))
    services = machine.installed() if server.services is None else server.services
    if not services:
        raise DoesNotApply(f"none of {', '.join(DAEMONS)} is installed here")
    postconf = _postconf.settings(answers)
    looks = (look(server, service, machine, postconf) for service in services)
    seen = (_with_restarts(one, before, answers.now) for one in looks)
    return Services(tuple(seen), _milter.without(postconf))


def _seen_at_all(machine: Machine) -> Machine:
    if machine.processes is not None or machine.units:
        return machine
    if machine.ports is None:
        raise GarbledAnswer("expected units of systemd or processes in /proc, found neither")
    raise NotAnswered(
        Unanswered(
            Reason.NOT_PERMITTED,
            "systemd does not answer, and /proc hides the processes of others (hidepid)",
            "put our user into the group that /proc is mounted with: `grep hidepid /proc/mounts`",
        )
    )


def _with_restarts(seen: Seen, before: Services | None, now: datetime) -> Seen:
    was = before.at(seen.service.name) if before else None
    return replace(seen, restarts=restarts(seen, was, now))


def judge(services: Services, limits: Limits) -> Iterable[Verdict]:
    """One verdict for all; how each service is stands in the details."""
    del limits
    wrong = [seen for seen in services.seen if seen.status is not Status.HEALTHY]
    down = [seen for seen in wrong if seen.status is Status.UNHEALTHY]
    yield Verdict(
        status=_status(services),
        summary=_summary(services, wrong),
        metrics=(Metric("services_down", len(down)), *_restart_counts(services)),
        details={"services": {seen.service.name: seen.details() for seen in services.seen}},
        evidence=tuple(str(seen.unit) for seen in wrong if seen.unit),
        fix=next((seen.fix for seen in down or wrong), None),
    )


def _status(services: Services) -> Status:
    """Unhealthy when all are down or a critical one is; some down is degraded."""
    statuses = {seen.status for seen in services.seen}
    critical = {seen.status for seen in services.seen if seen.service.critical}
    if Status.UNHEALTHY in critical or statuses == {Status.UNHEALTHY}:
        return Status.UNHEALTHY
    return worst(Status.DEGRADED if s is Status.UNHEALTHY else s for s in statuses)


def _summary(services: Services, wrong: list[Seen]) -> str:
    if wrong:
        return "; ".join(_sentence(seen, services.without_milter) for seen in wrong)
    *most, last = (
        f"{seen.service.name} (not under systemd)" if seen.by_hand else seen.service.name
        for seen in services.seen
    )
    return f"{', '.join(most)} and {last} run" if most else f"{last} runs"


def _sentence(seen: Seen, without_milter: str | None) -> str:
    dead_milter = seen.service.name == "opendkim" and seen.status is Status.UNHEALTHY
    return f"{seen}: {without_milter}" if dead_milter and without_milter else str(seen)


def _restart_counts(services: Services) -> Iterable[Metric]:
    for seen in services.seen:
        if seen.unit:
            word = "".join(c if c.isascii() and c.isalnum() else "_" for c in seen.service.name)
            yield Metric(f"restarts_{word.lower()}", seen.unit.restarts)


CHECK = Check[Services](
    name="services",
    title="Services",
    ask=ask,
    read=read,
    judge=judge,
    applies=applies,
    runbook=runbook_of(__name__),
)
