"""The queue check: captured answers of real hosts, and limits at, below and above."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailvane.checks import _postconf
from mailvane.checks.postfix import _spool
from mailvane.checks.postfix.queue import CHECK, Queue
from mailvane.core.errors import DoesNotApply, GarbledAnswer, NotAnswered
from mailvane.core.request import Request, ShellOutput
from mailvane.core.response import Answered, Answers, Reason, Unanswered
from mailvane.core.result import Verdict
from mailvane.core.server import Local, Server, Service
from mailvane.core.status import Status

ANSWERS = Path(__file__).parents[2] / "answers"
NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SERVER = Server(
    name="mx", hostname="mx.test", reach=Local(), services=(Service("postfix"), Service("dovecot"))
)
LIMIT = "(degraded from 100, unhealthy above 500)"
DENIED = Unanswered(Reason.NOT_PERMITTED, "`sudo find` is not allowed to us", "mailvane access mx")
LATE = Unanswered(Reason.TIMEOUT, "did not end within 8 s")

Told = ShellOutput | Unanswered


def captured(name: str) -> ShellOutput:
    """What a real host answered."""
    folder = ANSWERS / "queue"
    error = folder / f"{name}.err.txt"
    written = error.read_bytes() if error.exists() else b""
    return ShellOutput(0, (folder / f"{name}.txt").read_bytes(), written)


def queue(
    files: Told,
    listed: Told,
    server: Server = SERVER,
    postconf: bytes | None = None,
    before: Queue | None = None,
) -> Queue:
    """What the check reads from these answers."""
    settings = (ANSWERS / "postconf" / "debian-12.txt").read_bytes()
    told = {
        _spool.COMMAND: files,
        listing(before): listed,
        _postconf.COMMAND: ShellOutput(0, settings if postconf is None else postconf, b""),
    }
    assert set(CHECK.ask(server, before)) == set(told)
    responses = {
        request: Answered(answer, NOW) if isinstance(answer, ShellOutput) else answer
        for request, answer in told.items()
    }
    return CHECK.read(server, Answers(responses, NOW), before)


def listing(before: Queue | None) -> Request[Any]:
    """The question to `postqueue` after that observation."""
    return next(r for r in CHECK.ask(SERVER, before) if "postqueue" in r.script)


def verdict(found: Queue, server: Server = SERVER) -> Verdict:
    """The one verdict."""
    (only,) = CHECK.judge(found, CHECK.limits_for(server))
    return only


def metrics(found: Verdict) -> dict[str, float | None]:
    """The metrics by name."""
    return {metric.name: metric.value for metric in found.metrics}


def files(deferred: int = 0, active: int = 0, hold: int = 0, incoming: int = 0) -> ShellOutput:
    """The count of files as the server answers it."""
    counts = {"deferred": deferred, "active": active, "hold": hold, "incoming": incoming}
    lines = [f"{n} f/var/spool/postfix/{name}" for name, n in counts.items() if n]
    lines += [f"1 d/var/spool/postfix/{name}" for name in counts]
    return ShellOutput(0, ("\n".join([*lines, "1 exit 0"]) + "\n").encode(), b"")


def listed(deferred: int, *more: str, end: str = "exit 0") -> ShellOutput:
    """What the server gathers from `postqueue` for so many deferred messages."""
    lines = [f"queue deferred {deferred} 1795500000"] if deferred else []
    return ShellOutput(0, ("\n".join([end, *lines, *more]) + "\n").encode(), b"")


def refused(status: int, error: str) -> ShellOutput:
    """What the server gathers when `postqueue` ends badly."""
    return ShellOutput(0, f"exit {status}\n".encode(), error.encode())


DOWN = captured("stopped.postqueue")
FORBIDDEN = captured("forbidden.postqueue")


def test_deferred_mail_is_degraded_and_says_why() -> None:
    """A real host with 155 deferred: the sentence leads to the cause and where that mail goes."""
    found = verdict(queue(captured("deferred.files"), captured("deferred.postqueue")))
    assert found.status is Status.DEGRADED
    assert found.summary == (
        f"158 messages queued {LIMIT}: 3 active, 155 deferred, mostly "
        "`450 4.3.0 Error: command failed (in reply to RCPT TO command)` for defer.test; "
        "oldest 4 min"
    )
    assert metrics(found) == {
        "queue_messages": 158,
        "queue_active_messages": 3,
        "queue_deferred_messages": 155,
        "queue_hold_messages": 0,
        "queue_incoming_messages": 0,
        "queue_oldest_seconds": 268.0,
    }
    assert found.details["domains"] == [
        {"domain": "defer.test", "count": 150},
        {"domain": "refused.test", "count": 5},
    ]
    assert found.evidence[1] == "5 x connect to port 25: Connection refused"


def test_an_empty_queue_is_healthy() -> None:
    """Nothing waits, and that is known."""
    found = verdict(queue(captured("empty.files"), captured("empty.postqueue")))
    assert (found.status, found.summary) == (Status.HEALTHY, "the queue is empty")
    assert metrics(found)["queue_messages"] == 0
    assert metrics(found)["queue_oldest_seconds"] == 0


def test_a_flood_is_counted_whole_and_sampled_in_part() -> None:
    """50,050 messages: the files give the number, the first 2,000 the cause, and no age is claimed."""
    found = verdict(queue(captured("flooded.files"), captured("flooded.postqueue")))
    assert found.status is Status.UNHEALTHY
    assert found.summary.startswith(f"50,050 messages queued {LIMIT}: 50,050 deferred")
    assert "; oldest at least" in found.summary
    assert metrics(found)["queue_messages"] == 50_050
    assert metrics(found)["queue_oldest_seconds"] is None
    assert found.details["sampled"] == 2000
    assert found.details["sampled_all"] is False


@pytest.mark.parametrize(
    ("count", "status"),
    [(99, "healthy"), (100, "degraded"), (500, "degraded"), (501, "unhealthy")],
)
def test_limits_are_held_whoever_counts(count: int, status: str) -> None:
    """100 is already degraded, 500 still, 501 unhealthy: by files and by postqueue alike."""
    assert verdict(queue(files(count), listed(count))).status == status
    assert verdict(queue(DENIED, listed(count))).status == status


def test_all_four_queues_count_and_maildrop_does_not() -> None:
    """Active, deferred, hold and incoming are summed; what programs left in maildrop is shown."""
    drop = "queue maildrop 700 1795500000"
    by_files = verdict(queue(files(20, 30, 40, 9), listed(20, drop)))
    assert metrics(by_files)["queue_messages"] == 99
    assert by_files.details["maildrop"] == 700
    by_list = verdict(queue(DENIED, listed(20, drop, "queue hold 40 1795500000")))
    assert metrics(by_list)["queue_messages"] == 60
    assert by_list.status is Status.HEALTHY


def test_a_list_that_was_cut_is_at_least_so_long() -> None:
    """Without the right to count, 2,000 and more are unhealthy; the number itself stays unknown."""
    found = verdict(queue(DENIED, captured("flooded.postqueue")))
    assert found.status is Status.UNHEALTHY
    assert found.summary.startswith(f"at least 2,000 messages queued {LIMIT}")
    assert metrics(found)["queue_messages"] is None
    assert found.details["complete"] is False
    assert found.fix == "mailvane access mx"


@pytest.mark.parametrize(
    ("degraded", "unhealthy", "status"),
    [(3000, 9000, "unknown"), (2000, 9000, "degraded"), (1000, 1999, "unhealthy")],
)
def test_a_lower_bound_is_never_healthy(degraded: int, unhealthy: int, status: str) -> None:
    """With limits beyond what was looked at, nothing is called healthy that may be worse."""
    moved = {"queue": {"messages": {"degraded": degraded, "unhealthy": unhealthy}}}
    server = replace(SERVER, limits=moved)
    assert verdict(queue(DENIED, listed(2000, end="cut")), server).status == status


def test_lines_that_are_no_message_make_the_count_a_lower_bound() -> None:
    """What could not be read may be messages as well."""
    found = verdict(queue(DENIED, listed(20, "bad 3")))
    assert found.status is Status.UNKNOWN
    assert found.summary.startswith("at least 20 messages")


@pytest.mark.parametrize("answer", [DOWN, captured("stopped-root.postqueue")])
def test_a_stopped_postfix_is_never_an_empty_queue(answer: ShellOutput) -> None:
    """Exit 69, and exit 0 for root, both with a word on standard error: unknown without the files."""
    with pytest.raises(NotAnswered, match="Postfix is not running") as caught:
        queue(DENIED, answer)
    assert caught.value.unanswered.reason is Reason.REFUSED
    assert "systemctl start postfix" in (caught.value.unanswered.fix or "")


def test_files_are_the_truth_while_postfix_is_down() -> None:
    """The number is judged, and that Postfix does not run is said."""
    found = verdict(queue(captured("stopped.files"), DOWN))
    assert found.status is Status.DEGRADED
    assert found.summary == (
        f"158 messages queued {LIMIT}: 3 active, 155 deferred; "
        "Postfix is not running, so that `postqueue` lists nothing"
    )
    root = verdict(queue(captured("stopped-root.files"), captured("stopped-root.postqueue")))
    assert root.summary.endswith("; Postfix is not running")
    assert root.details["reasons"]


def test_a_user_who_may_not_list_the_queue_is_told_how() -> None:
    """authorized_mailq_users: not permitted, with the command that names this user."""
    with pytest.raises(NotAnswered) as caught:
        queue(DENIED, FORBIDDEN)
    assert caught.value.unanswered.reason is Reason.NOT_PERMITTED
    assert caught.value.unanswered.fix == (
        'postconf -e "authorized_mailq_users = $(postconf -h authorized_mailq_users), monitor"'
    )
    counted = verdict(queue(captured("forbidden.files"), FORBIDDEN))
    assert counted.status is Status.DEGRADED
    assert "authorized_mailq_users" in counted.summary
    assert "monitor" in (counted.fix or "")


def test_a_hostile_user_name_does_not_reach_the_command() -> None:
    """Only what a user name can be is put into the fix."""
    with pytest.raises(NotAnswered) as caught:
        queue(DENIED, refused(77, "User $(reboot)(0) is not allowed to view the mail queue"))
    assert (caught.value.unanswered.fix or "").endswith(', USER"')


def test_a_server_without_postfix_takes_no_part_unless_it_should_have_it() -> None:
    """No postqueue: not applicable, but not found where postfix stands in the list of services."""
    absent = refused(127, "sh: postqueue: not found")
    with pytest.raises(DoesNotApply, match="not installed"):
        queue(DENIED, absent, replace(SERVER, services=None))
    with pytest.raises(NotAnswered) as caught:
        queue(DENIED, absent)
    assert caught.value.unanswered.reason is Reason.NOT_FOUND


@pytest.mark.parametrize("status", [1, 70, 75])
def test_any_other_end_of_postqueue_is_shown(status: int) -> None:
    """Its status and its words, and no number."""
    with pytest.raises(GarbledAnswer, match=f"ended with {status} and said: postqueue: fatal: x"):
        queue(DENIED, refused(status, "postqueue: fatal: x"))


@pytest.mark.parametrize(
    "answer",
    [
        DENIED,
        LATE,
        ShellOutput(0, b"1 exit 1\n", b"sudo: a password is required"),
        ShellOutput(0, b"", b"awk: not found"),
        ShellOutput(0, files(7).output.replace(b"1 d/var/spool/postfix/hold\n", b""), b""),
        ShellOutput(0, files(7).output.replace(b"exit 0", b"exit 1"), b"find: Permission denied"),
    ],
)
def test_files_that_were_not_all_counted_are_not_counted(answer: Told) -> None:
    """A directory that was not looked into is not an empty one: then the list counts."""
    assert metrics(verdict(queue(answer, listed(42))))["queue_messages"] == 42


def test_a_queue_at_another_place_is_counted_by_the_list() -> None:
    """The right to count is for /var/spool/postfix; an old directory left there tells nothing."""
    moved = b"queue_directory = /srv/postfix\n"
    found = verdict(queue(files(0), listed(120), postconf=moved))
    assert found.status is Status.DEGRADED


def test_nothing_answered_is_unknown_with_the_lists_reason() -> None:
    """Neither files nor list: the check raises what the list ran into."""
    with pytest.raises(NotAnswered) as caught:
        queue(DENIED, LATE)
    assert caught.value.unanswered == LATE


def test_a_time_out_of_the_list_leaves_the_count() -> None:
    """Causes are not known then; the number is."""
    found = verdict(queue(files(501), LATE))
    assert found.status is Status.UNHEALTHY
    assert metrics(found)["queue_oldest_seconds"] is None


def test_an_answer_without_an_end_is_garbled() -> None:
    """Neither an exit status nor a cut: the gathering itself failed."""
    with pytest.raises(GarbledAnswer, match="awk: not found"):
        queue(DENIED, ShellOutput(127, b"", b"awk: not found"))


def test_an_old_postqueue_is_garbled() -> None:
    """Before Postfix 3.1 there is no `-j`; what it prints instead is no list of messages."""
    with pytest.raises(GarbledAnswer, match=r"Postfix 3\.1"):
        queue(DENIED, listed(0, "bad 12"))


def test_a_clock_ahead_gives_no_negative_age() -> None:
    """A message from the future is as old as one that just came."""
    future = listed(0, "queue active 1 1895500000")
    assert metrics(verdict(queue(files(0, 1), future)))["queue_oldest_seconds"] == 0


FLOOD = queue(captured("flooded.files"), captured("flooded.postqueue"))


def test_a_flood_is_sampled_every_five_minutes() -> None:
    """Opening 2,000 messages is dear: while files give the number, the causes may be that old."""
    assert listing(None).keep_seconds == 0
    assert listing(queue(files(300), listed(300))).keep_seconds == 0
    assert listing(FLOOD).keep_seconds == 300
    again = queue(files(60_000), captured("flooded.postqueue"), before=FLOOD)
    assert verdict(again).summary.startswith("60,000 messages queued")
    assert "mostly" in verdict(again).summary


def test_without_the_files_a_flood_is_asked_for_each_time() -> None:
    """There the list alone tells when it is over."""
    assert listing(queue(DENIED, captured("flooded.postqueue"))).keep_seconds == 0


@pytest.mark.parametrize("left", [0, 1999])
def test_the_causes_of_a_flood_end_with_it(left: int) -> None:
    """A sample of what was delivered meanwhile explains nothing; the next sweep asks anew."""
    ebbed = queue(files(left), captured("flooded.postqueue"), before=FLOOD)
    assert "mostly" not in verdict(ebbed).summary
    assert metrics(verdict(ebbed))["queue_messages"] == left
    assert listing(ebbed).keep_seconds == 0


def test_only_a_mail_server_is_asked() -> None:
    """Other roles take no part."""
    assert CHECK.applies(SERVER) is None
    assert CHECK.applies(replace(SERVER, role="api"))


def test_the_right_is_plain_words() -> None:
    """It needs no quoting, in sudoers or in a shell, and stands in the script as it is."""
    assert all(word.replace("%", "").replace("/", "").isascii() for word in _spool.RIGHT.argv)
    assert not set(",:=\\ *?[]!\"'") & set("".join(_spool.RIGHT.argv))
    assert f"$as_root {' '.join(_spool.RIGHT.argv)};" in _spool.COMMAND.script


LINES = st.sampled_from(
    [
        *("exit 0", "exit 69", "exit x", "cut", "queue deferred 5 1795500000", "queue", "bad 9"),
        *("queue deferred 999999999 99999999999", "reason 5", "reason 5 x", "domain 1 y", "\xff"),
        *("1 exit 0", "5 f/var/spool/postfix/deferred", "1 d/var/spool/postfix/hold", "9" * 5000),
        *("1 d/var/spool/postfix/active", "1 d/var/spool/postfix/deferred"),
        "1 d/var/spool/postfix/incoming",
    ]
)
GARBAGE = st.binary(max_size=200) | st.lists(LINES).map(lambda lines: "\n".join(lines).encode())


@given(GARBAGE, GARBAGE, st.sampled_from([b"", b"mail system is down", b"not allowed to view"]))
def test_no_answer_breaks_the_check(counted: bytes, gathered: bytes, error: bytes) -> None:
    """Whatever a server writes, it is read and judged, or refused in one of the three known ways."""
    try:
        found = queue(ShellOutput(0, counted, b""), ShellOutput(0, gathered, error))
    except (NotAnswered, GarbledAnswer, DoesNotApply):
        return
    assert isinstance(verdict(found).status, Status)
