"""What became of the application's mails, from real databases."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from mailvane.checks.delivery.rate import CHECK, Delivered, query
from mailvane.core.errors import GarbledAnswer, NotAnswered
from mailvane.core.response import Answered, Answers
from mailvane.core.result import Verdict
from mailvane.core.secret import Secret
from mailvane.core.server import DeliveryLog, Local, Server
from mailvane.core.status import Status
from mailvane.transports.sql import SqlTransport

NOW = datetime.now(UTC)
SERVER = Server(name="mx", hostname="mx.test", reach=Local())
LOG = DeliveryLog(database=Secret("sqlite:///x"), provider="custom-smtp")


def judged(**counts: Any) -> dict[str, Verdict]:
    """The verdicts on these counts, by item."""
    given = {"total": 0, "sent": 0, "failed": 0, "bounced": 0, "pending": 0, "others": {}}
    seen = Delivered(**{**given, "min_messages": 20, **counts})
    return {v.item: v for v in CHECK.judge(seen, CHECK.limits_for(SERVER))}


def read(rows: list[dict[str, Any]], log: DeliveryLog = LOG) -> Delivered:
    """What the check reads from these rows."""
    server = replace(SERVER, delivery=log)
    return CHECK.read(server, Answers({query(log): Answered(tuple(rows), NOW)}, NOW), None)


@pytest.mark.parametrize(
    ("sent", "status"),
    [(9500, "healthy"), (9499, "degraded"), (8500, "degraded"), (8499, "unhealthy")],
)
def test_the_rate_is_judged_at_its_lines(sent: int, status: str) -> None:
    """95 % is healthy, 85 % still degraded, just below each is worse."""
    assert judged(total=10_000, sent=sent, failed=10_000 - sent)[""].status == status


def test_few_messages_are_no_alarm() -> None:
    """19 mails that all failed are healthy with a note; 20 are unhealthy."""
    few = judged(total=19, failed=19)[""]
    assert (few.status, few.summary.startswith("few messages")) == (Status.HEALTHY, True)
    assert judged(total=20, failed=20)[""].status is Status.UNHEALTHY


def test_no_mail_has_no_rate() -> None:
    """Nothing sent is null, never 100 %."""
    nothing = judged()[""]
    assert nothing.metrics[0].value is None
    assert "no rate" in nothing.summary


def test_pending_mails_are_not_failures() -> None:
    """A burst that is still on its way does not lower the rate."""
    verdict = judged(total=1_000, sent=100, pending=900)[""]
    assert verdict.metrics[0].value == 100
    assert verdict.status is Status.HEALTHY


def test_bounces_have_a_line_of_their_own() -> None:
    """5 % is degraded, below it healthy."""
    assert judged(total=1_000, sent=951, bounced=49)["bounces"].status is Status.HEALTHY
    assert judged(total=1_000, sent=950, bounced=50)["bounces"].status is Status.DEGRADED


def test_unknown_statuses_are_counted_and_named() -> None:
    """What the configuration does not know is in the total, and in the sentence."""
    seen = read([{"status": "sent", "messages": 90}, {"status": "Quarantined", "messages": 10}])
    assert (seen.total, seen.sent, seen.others) == (100, 90, {"quarantined": 10})
    verdict = next(iter(CHECK.judge(seen, CHECK.limits_for(SERVER))))
    assert "10 quarantined" in verdict.summary


@pytest.mark.parametrize("rows", [[{"status": "sent"}], [{"status": "sent", "messages": "many"}]])
def test_rows_of_another_form_are_garbled(rows: list[dict[str, Any]]) -> None:
    """A row without a count is no zero."""
    with pytest.raises(GarbledAnswer):
        read(rows)


def test_without_a_database_it_takes_no_part() -> None:
    """No database, no rate, no complaint."""
    assert CHECK.applies(SERVER) == "no delivery database is configured for it"
    assert CHECK.applies(replace(SERVER, delivery=LOG)) is None


def test_names_are_quoted() -> None:
    """A column name is an identifier, whatever word it is."""
    text = query(replace(LOG, table="app.order", status_column="group")).text
    assert '"app"."order"' in text
    assert 'GROUP BY log."group"' in text


@pytest.fixture
async def sql() -> AsyncIterator[SqlTransport]:
    """A transport that is closed again."""
    transport = SqlTransport(lambda: datetime.now(UTC))
    yield transport
    await transport.close()


async def counted(sql: SqlTransport, log: DeliveryLog) -> Delivered:
    """What the check reads from the real database."""
    server = replace(SERVER, delivery=log)
    requests = tuple(CHECK.ask(server, None))
    return CHECK.read(server, Answers(await sql.send(server, requests), NOW), None)


EXPECTED = (5, 3, 1, 1)
ROWS = (
    *(("custom-smtp", status, 1) for status in ("sent", "delivered", "sent", "failed", "bounced")),
    ("custom-smtp", "failed", 25),
    ("another", "failed", 1),
)


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp"])
async def test_postgresql_counts_the_last_day_of_one_provider(
    sql: SqlTransport, postgres_database: str, kind: str
) -> None:
    """Rows older than 24 hours and of other providers are left out, whichever type the time has."""
    connection = await asyncpg.connect(postgres_database)
    await connection.execute(
        f"CREATE TABLE email_logs (provider text, status text, created_at {kind})"
    )
    for provider, status, hours in ROWS:
        await connection.execute(
            "INSERT INTO email_logs VALUES ($1, $2, now() - make_interval(hours => $3))",
            *(provider, status, hours),
        )
    await connection.close()
    seen = await counted(sql, replace(LOG, database=Secret(postgres_database)))
    assert (seen.total, seen.sent, seen.failed, seen.bounced) == EXPECTED


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f+00:00", "epoch"])
async def test_sqlite_counts_the_same_in_each_form_of_time(
    sql: SqlTransport, tmp_path: Path, form: str
) -> None:
    """Text in two forms and seconds since 1970 mean the same day."""
    file = tmp_path / "log.sqlite3"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE email_logs (provider, status, created_at)")
        for provider, status, hours in ROWS:
            at = datetime.now(UTC) - timedelta(hours=hours)
            moment = int(at.timestamp()) if form == "epoch" else at.strftime(form)
            connection.execute(
                "INSERT INTO email_logs VALUES (?, ?, ?)", (provider, status, moment)
            )
    seen = await counted(sql, replace(LOG, database=Secret(f"sqlite:///{file}")))
    assert (seen.total, seen.sent, seen.failed, seen.bounced) == EXPECTED


async def test_a_missing_column_is_no_text(sql: SqlTransport, tmp_path: Path) -> None:
    """SQLite would take a quoted name that is no column for a text; the check is unknown instead."""
    file = tmp_path / "log.sqlite3"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE email_logs (provider, status, created_at)")
    with pytest.raises(NotAnswered, match="no such column"):
        await counted(
            sql, replace(LOG, database=Secret(f"sqlite:///{file}"), time_column="sent_at")
        )
