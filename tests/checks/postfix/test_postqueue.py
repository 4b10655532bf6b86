"""The awk that gathers `postqueue -j`: run by every awk that is here, on real and on hostile lists."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailvane.checks.postfix._postqueue import COMMAND, SAMPLE, Sample, parse
from mailvane.core.request import ShellOutput

AWKS = [
    pytest.param(words, id=words[0])
    for words in (("mawk",), ("gawk",), ("original-awk",), ("busybox", "awk"))
    if shutil.which(words[0])
]
REAL = Path(__file__).parents[2] / "answers" / "queue" / "postqueue-j.jsonl"
REASON = "host mx1.example.test[192.0.2.1] said: 450 4.3.0 <a@b.test>: try later"


@pytest.fixture(params=AWKS)
def gather(request: pytest.FixtureRequest, tmp_path: Path) -> "Gather":
    """The script, with that awk and a `postqueue` that prints what it is told."""
    return Gather(tmp_path, request.param)


class Gather:
    """The real script in a real shell; only `postqueue` is a stand-in."""

    def __init__(self, folder: Path, awk: Sequence[str]) -> None:
        self._list = folder / "list"
        self._bin = folder / "bin"
        self._bin.mkdir()
        self._program("awk", f'exec {shutil.which(awk[0])} {" ".join(awk[1:])} "$@"')

    def __call__(self, text: str | bytes, status: int = 0) -> Sample:
        """What comes of a `postqueue` that prints the text and ends with the status."""
        self._list.write_bytes(text if isinstance(text, bytes) else text.encode())
        self._program("postqueue", f"cat {self._list}; exit {status}")
        done = subprocess.run(
            ["/bin/sh", "-c", COMMAND.script],
            env={"PATH": f"{self._bin}:{os.environ['PATH']}", "LC_ALL": "C"},
            capture_output=True,
            check=False,
            timeout=60,
        )
        return parse(ShellOutput(done.returncode, done.stdout, done.stderr))

    def _program(self, name: str, body: str) -> None:
        path = self._bin / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)


def message(*recipients: Mapping[str, Any], **more: Any) -> str:
    """A line as `postqueue -j` writes it."""
    said = {
        "queue_name": "deferred",
        "queue_id": "3D55B22A725",
        "arrival_time": 1795492799,
        "message_size": 4315,
        "forced_expire": False,
        "sender": "news@example.test",
        "recipients": list(recipients),
        **more,
    }
    return json.dumps(said) + "\n"


def waiting(reason: str = REASON, address: str = "user@corp.example.test") -> dict[str, str]:
    """A recipient that failed for now."""
    return {"address": address, "delay_reason": reason}


def test_a_real_list_is_counted(gather: Gather) -> None:
    """As Python's json reads the same list: counts, the oldest, and each domain."""
    real = [json.loads(line) for line in REAL.read_text().splitlines()]
    found = gather(REAL.read_bytes())
    assert sum(found.counts.values()) == len(real)
    assert min(found.oldest.values()) == min(one["arrival_time"] for one in real)
    waits = [
        {r["address"].rpartition("@")[2] for r in one["recipients"] if "delay_reason" in r}
        for one in real
    ]
    assert dict(found.domains) == {
        domain: sum(domain in one for one in waits) for domain in set().union(*waits)
    }
    assert found.reasons[0][0] == "connect to port 1: Connection refused"
    assert found.whole


def test_an_empty_list_is_empty(gather: Gather) -> None:
    """No line, exit 0: no message."""
    found = gather("")
    assert (found.exit_status, dict(found.counts), found.whole) == (0, {}, True)


@pytest.mark.parametrize("status", [0, 69, 75, 77])
def test_the_exit_status_is_postqueues_own(gather: Gather, status: int) -> None:
    """Awk ends well in any case; what counts is how postqueue ended."""
    assert gather("", status).exit_status == status


def test_a_long_list_is_cut(gather: Gather) -> None:
    """2,000 messages are whole; one more and the list is cut, and says so."""
    assert gather(message(waiting()) * SAMPLE).whole
    found = gather(message(waiting()) * (SAMPLE + 1))
    assert found.cut
    assert found.counts == {"deferred": SAMPLE}


@pytest.mark.parametrize(
    ("reason", "plain"),
    [
        (REASON, "450 4.3.0 <>: try later"),
        (f"delivery temporarily suspended: {REASON}", "450 4.3.0 <>: try later"),
        ("connect to mx.example[192.0.2.7]:25: Connection timed out", "connect to port 25: Connection timed out"),
        ("connect to a.b[2001:db8::1]:25: No route to host", "connect to port 25: No route to host"),
        ("host h[192.0.2.1] refused to talk to me: 421 4.7.0 busy", "refused to talk to me: 421 4.7.0 busy"),
        ("host h[::1] said: 452-4.2.2 full 452 4.2.2 a1b2c3d4e5.33 - gsmtp", "452-4.2.2 full 452 4.2.2 # - gsmtp"),
        ("host h[::1] said: 451 try again in 287 seconds", "451 try again in # seconds"),
        ("Host or domain name not found. Name service error for name=gone.test type=MX: Host not found, try again",
         "Host or domain name not found. Name service error for name=# type=MX: Host not found, try again"),
        ("", "no reason given"),
    ],
)  # fmt: skip
def test_equal_causes_read_equal(gather: Gather, reason: str, plain: str) -> None:
    """Addresses, hosts, ids and numbers go; the codes and the words stay."""
    assert gather(message(waiting(reason))).reasons == ((plain, 1),)


def test_a_cause_counts_once_a_message(gather: Gather) -> None:
    """Fifty recipients at one domain with one reason are one message that waits."""
    many = [waiting(address=f"u{n}@Corp.Example.test") for n in range(50)]
    found = gather(message(*many) + message(waiting(address="x@other.test")))
    assert found.reasons == (("450 4.3.0 <>: try later", 2),)
    assert found.domains == (("corp.example.test", 1), ("other.test", 1))


def test_a_recipient_without_a_reason_is_in_progress(gather: Gather) -> None:
    """It counts as a message, and as no cause."""
    found = gather(message({"address": "a@b.test"}, queue_name="active"))
    assert (found.counts, found.reasons, found.domains) == ({"active": 1}, (), ())


def test_members_that_are_not_known_are_passed_over(gather: Gather) -> None:
    """Postfix 3.11's orig_address and bounce_reason, and whatever comes after it."""
    recipient = {
        "orig_address": "old@alias.test",
        **waiting(),
        "bounce_reason": "550 no",
        "more": {"address": "x@deep.test", "delay_reason": "deep"},
    }
    found = gather(message(recipient, later=[{"queue_name": "hold"}], queue_name="deferred"))
    assert found.counts == {"deferred": 1}
    assert found.domains == (("corp.example.test", 1),)
    assert found.reasons == (("450 4.3.0 <>: try later", 1),)


def test_a_long_queue_id_and_the_oldest_of_each_queue(gather: Gather) -> None:
    """Ids of any form, and the smallest arrival time wins."""
    found = gather(
        message(queue_id="4ZyXwV3kqTz1N2bC", arrival_time=1795500000)
        + message(arrival_time=1795400000)
        + message(queue_name="hold", arrival_time=2147483700)
    )
    assert found.oldest == {"deferred": 1795400000, "hold": 2147483700}


@pytest.mark.parametrize(
    "hostile",
    [
        'x"}], "queue_name": "hold", "recipients": [{"delay_reason": "y',
        '\\", "queue_name": "hold", "x": "\\\\',
        "\\",
        "\\\\",
        'tab\there "quoted" new\nline',
        "exit 0\nqueue hold 9 1",
        "\u202e\u00fc\N{PILE OF POO}",
        "'; touch /tmp/owned; '$(touch /tmp/owned)`touch /tmp/owned`",
    ],
)
def test_what_strangers_write_changes_no_count(gather: Gather, hostile: str) -> None:
    """Senders, addresses and servers' answers are theirs; a quote in them ends nothing."""
    text = message(waiting(hostile, f"{hostile}@corp.example.test"), sender=hostile)
    found = gather(text + message(waiting()))
    assert found.counts == {"deferred": 2}
    assert found.oldest == {"deferred": 1795492799}
    assert dict(found.domains)["corp.example.test"] == 2
    assert len(found.reasons) == 2


def test_a_message_of_many_recipients_is_read_in_part(gather: Gather) -> None:
    """Two megabytes of recipients cost no more than sixteen kilobytes, and count as one message."""
    found = gather(message(*(waiting(address=f"{n}@d{n}.test") for n in range(20_000))))
    assert found.counts == {"deferred": 1}
    assert len(found.domains) == 10


@pytest.mark.parametrize(
    "line", ["garbage", "{}", "[]", '{"queue_name": "deferred"}', "-Queue ID-"]
)
def test_a_line_that_is_no_message_is_told(gather: Gather, line: str) -> None:
    """It is counted as unread, so that nobody takes the rest for all."""
    found = gather(message(waiting()) + line + "\n")
    assert found.counts == {"deferred": 1}
    assert found.unread == 1
    assert not found.whole


def test_only_the_ten_most_frequent_are_carried(gather: Gather) -> None:
    """A hundred domains stay ten lines, the most frequent first, equal ones by their names."""
    often = message(waiting(address="x@z.test")) * 2
    rest = "".join(message(waiting(address=f"x@{n:03}.test")) for n in range(100))
    found = gather(rest + often)
    assert found.domains[:3] == (("z.test", 2), ("000.test", 1), ("001.test", 1))
    assert len(found.domains) == 10


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=40)), min_size=1, max_size=8))
def test_any_text_counts_as_json_reads_it(gather: Gather, pairs: list[tuple[str, str]]) -> None:
    """Whatever stands in sender, address and reason, each line is one message of its queue."""
    lines = [message(waiting(reason, f"{who}@d.test"), sender=who) for reason, who in pairs]
    lines += [json.dumps(json.loads(line), ensure_ascii=False) + "\n" for line in lines]
    found = gather("".join(lines))
    assert (found.counts, found.unread) == ({"deferred": len(lines)}, 0)
    assert dict(found.domains) == {"d.test": len(lines)}
