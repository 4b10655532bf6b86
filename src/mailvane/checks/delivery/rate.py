"""Do the application's mails arrive?

The application writes what became of each mail into a table, `email_logs`.
This check counts the last 24 hours there: the delivery rate is what was sent of all that is decided
(total without what is still pending), the bounce rate what came back of it.
A falling rate is what mail users notice first, and mailbox providers punish a high bounce rate with their spam folder.

| | healthy | degraded | unhealthy |
|---|---|---|---|
| delivery rate | from 95 % | 85–95 % | below 85 % |
| bounce rate | below 5 % | from 5 % | |

95 and 85 are the platform's own lines; 5 % is where Amazon SES begins to review a sender (it pauses one at 10 %).
Below `min_messages` (20) a rate is no alarm: one bounce of three mails says nothing.
Without any mail there is no rate; it is never 100 %.
A status that the configuration does not know counts in the total, and is named.

**What to do.** `SELECT error, COUNT(*) FROM email_logs WHERE status <> 'sent' GROUP BY error` shows why.
Many failures at once are the way out: look at the `queue` and `services` checks.
Bounces of one provider are reputation; bounces of unknown users are an old list of addresses.

**What it needs.** A role that may read the one table: `GRANT SELECT ON email_logs TO mailvane`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailvane.core.check import Check, runbook_of
from mailvane.core.errors import GarbledAnswer
from mailvane.core.request import SqlQuery
from mailvane.core.response import Answers
from mailvane.core.result import Metric, Verdict
from mailvane.core.server import DeliveryLog, Server
from mailvane.core.status import Status
from mailvane.core.threshold import Bound, Compare, Limits, Threshold, falling
from mailvane.core.words import plural

HOURS = 24


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of the mails of the last 24 hours."""

    total: int
    sent: int
    failed: int
    bounced: int
    pending: int
    others: Mapping[str, int]
    """Statuses that the configuration does not know."""
    min_messages: int

    @property
    def decided(self) -> int:
        """Mails of which it is known what became of them."""
        return self.total - self.pending

    def percent(self, count: int) -> float | None:
        """The share of what is decided; None when nothing is."""
        return 100 * count / self.decided if self.decided else None


def applies(server: Server) -> str | None:
    """Where a database is configured."""
    return None if server.delivery else "no delivery database is configured for it"


def _quoted(name: str) -> str:
    return ".".join(f'"{part}"' for part in name.split("."))


def _column(name: str) -> str:
    """Qualified: SQLite takes a bare quoted name that is no column for a text."""
    return f"log.{_quoted(name)}"


def query(log: DeliveryLog) -> SqlQuery:
    """How many mails have which status; the database's own clock says what the last 24 hours are."""
    time = _column(log.time_column)
    if log.is_sqlite:
        moment = f"datetime({time}, CASE typeof({time}) WHEN 'integer' THEN 'unixepoch' ELSE '+0 days' END)"
        recent = f"{moment} >= datetime('now', '-{HOURS} hours')"
    else:
        recent = f"{time} >= now() - interval '{HOURS} hours'"
    only = f"{_column(log.provider_column)} = :provider AND " if log.provider else ""
    status = _column(log.status_column)
    return SqlQuery(
        log.database,
        f"SELECT {status} AS status, COUNT(*) AS messages FROM {_quoted(log.table)} AS log "  # noqa: S608  names are checked by the settings and quoted
        f"WHERE {only}{recent} GROUP BY {status}",
        (("provider", log.provider),) if log.provider else (),
    )


def ask(server: Server, before: Delivered | None) -> Iterable[SqlQuery]:
    """One query that groups by status."""
    del before
    return (query(server.delivery),) if server.delivery else ()


def read(server: Server, answers: Answers, before: Delivered | None) -> Delivered:
    """The counts by what each status means."""
    del before
    log = server.delivery
    if log is None:
        raise GarbledAnswer("expected a delivery database in the configuration, found none")
    try:
        rows = [(str(row["status"]).lower(), int(row["messages"])) for row in answers[query(log)]]
    except (KeyError, TypeError, ValueError) as error:
        raise GarbledAnswer(f"expected a status and a count in each row: {error}") from error
    known = {*log.sent, *log.failed, *log.bounced, *log.pending}

    def of(statuses: tuple[str, ...]) -> int:
        return sum(count for status, count in rows if status in statuses)

    return Delivered(
        total=sum(count for _, count in rows),
        sent=of(log.sent),
        failed=of(log.failed),
        bounced=of(log.bounced),
        pending=of(log.pending),
        others={status: count for status, count in rows if status not in known},
        min_messages=log.min_messages,
    )


def judge(delivered: Delivered, limits: Limits) -> Iterable[Verdict]:
    """One verdict for what arrived, one for what came back."""
    rate, bounces = delivered.percent(delivered.sent), delivered.percent(delivered.bounced)
    few = delivered.decided < delivered.min_messages
    yield Verdict(
        status=_status(rate, limits["delivery_rate"], few=few),
        summary=_said(delivered, rate, few=few) + f" {limits['delivery_rate']}",
        metrics=(
            Metric("delivery_rate_percent", _rounded(rate), limits["delivery_rate"]),
            Metric("delivery_total_messages", delivered.total),
            Metric("delivery_sent_messages", delivered.sent),
            Metric("delivery_failed_messages", delivered.failed),
            Metric("delivery_bounced_messages", delivered.bounced),
            Metric("delivery_pending_messages", delivered.pending),
        ),
        details={"hours": HOURS, "few_messages": few, "other_statuses": dict(delivered.others)},
        limits=str(limits["delivery_rate"]),
    )
    said = "no mail" if bounces is None else f"{bounces:.1f} % of {delivered.decided:,} mails"
    yield Verdict(
        item="bounces",
        status=_status(bounces, limits["bounce_rate"], few=few),
        summary=f"{said} bounced in {HOURS} h{', few messages' if few else ''} {limits['bounce_rate']}",
        metrics=(Metric("bounce_rate_percent", _rounded(bounces), limits["bounce_rate"]),),
        limits=str(limits["bounce_rate"]),
    )


def _status(percent: float | None, limit: Threshold, *, few: bool) -> Status:
    return Status.HEALTHY if few or percent is None else limit.judge(percent)


def _rounded(percent: float | None) -> float | None:
    return None if percent is None else round(percent, 2)


def _said(delivered: Delivered, rate: float | None, *, few: bool) -> str:
    if rate is None:
        return f"few messages: none in {HOURS} h, so there is no rate"
    said = f"{rate:.1f} % of {plural(delivered.decided, 'mail')} sent in {HOURS} h"
    said += f": {delivered.failed:,} failed, {delivered.bounced:,} bounced"
    if delivered.others:
        said += f", {sum(delivered.others.values()):,} {'/'.join(sorted(delivered.others)[:3])}"
    return f"few messages: {said}" if few else said


CHECK = Check[Delivered](
    name="delivery",
    title="Delivery",
    ask=ask,
    read=read,
    judge=judge,
    applies=applies,
    limits={
        "delivery_rate": falling(95, 85, " %", "the platform's own lines"),
        "bounce_rate": Threshold(
            Bound(Compare.AT_LEAST, 5), None, " %", "Amazon SES reviews a sender at 5 %"
        ),
    },
    runbook=runbook_of(__name__),
)
