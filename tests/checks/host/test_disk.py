"""The disk check: captured answers of real hosts, and limits at, below and above."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailvane.checks import _postconf
from mailvane.checks.host.disk import CHECK, REFUSAL, Disks
from mailvane.core.errors import GarbledAnswer, NotAnswered
from mailvane.core.request import ShellOutput
from mailvane.core.response import Answered, Answers, Reason, Unanswered
from mailvane.core.result import Verdict
from mailvane.core.server import Local, Server
from mailvane.core.status import Status

ANSWERS = Path(__file__).parents[2] / "answers"
POSTCONF = (ANSWERS / "postconf" / "debian-12.txt").read_bytes()
NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SERVER = Server(name="mx", hostname="mx.test", reach=Local())
STOP_LINE = 15_360_000
MISSING = Unanswered(Reason.TIMEOUT, "postconf hangs")


def captured(name: str) -> bytes:
    """What a real host answered."""
    return (ANSWERS / "disk" / f"{name}.txt").read_bytes()


def seen(output: bytes, server: Server = SERVER, postconf: bytes | Unanswered = POSTCONF) -> Disks:
    """What the check reads from an answer."""
    (request, settings) = CHECK.ask(server, None)
    assert settings == _postconf.COMMAND
    told = Answered(ShellOutput(0, postconf, b""), NOW) if isinstance(postconf, bytes) else postconf
    answer = Answered(ShellOutput(0, output, b""), NOW)
    return CHECK.read(server, Answers({request: answer, settings: told}, NOW), None)


def verdicts(disks: Disks) -> list[Verdict]:
    """All verdicts."""
    return list(CHECK.judge(disks, CHECK.limits_for(SERVER)))


def only(disks: Disks) -> Verdict:
    """The one verdict."""
    (verdict,) = verdicts(disks)
    return verdict


def row(
    path: str = "/", used: int = 10, inodes: int = 1000, inodes_used: int = 1, **more: str
) -> bytes:
    """A filesystem of 1,000 blocks of 1 MiB, so many of them used, as `stat` writes it."""
    said = {"id": "ab12", "type": "ext2/ext3", **more}
    free = 1000 - used
    numbers = (2**20, 1000, free, free, inodes, inodes - inodes_used)
    return "|".join([said["id"], said["type"], *map(str, numbers), path]).encode() + b"\n"


def test_a_host_with_room_is_healthy() -> None:
    """One filesystem for all three paths is judged once, and names them."""
    found = only(seen(captured("healthy")))
    assert found.status is Status.HEALTHY
    assert found.item == "/"
    assert found.summary == (
        "/ (also /var/spool/postfix, /var/log) is 3.5 % full "
        "(degraded from 80 %, unhealthy above 90 %), 1.9 GiB free"
    )
    assert found.details["stop_line_bytes"] == STOP_LINE
    assert {metric.name: metric.value for metric in found.metrics} == {
        "disk_used_percent": 3.53,
        "disk_free_bytes": 2_023_145_472,
        "inodes_used_percent": 0.04,
    }


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        ("full-85", "degraded", "is 85 % full"),
        ("full-95", "unhealthy", "is 95 % full"),
        (
            "full-98",
            "unhealthy",
            f"has 10.2 MiB free, Postfix stops at 14.6 MiB and answers `{REFUSAL}`; is 98 % full",
        ),
    ],
)
def test_a_real_disk_that_fills_up(answer: str, status: str, says: str) -> None:
    """At 98 % this host really answered 452 4.3.1, and the sentence leads with it."""
    found = only(seen(captured(answer)))
    assert found.status == status
    assert found.summary.startswith(f"/ (also /var/spool/postfix, /var/log) {says}")
    assert found.fix == "du -xh -d2 / | sort -h | tail"


@pytest.mark.parametrize("answer", ["busybox", "busybox-df", "df"])
def test_busybox_and_df_tell_the_same(answer: str) -> None:
    """Three programs, one disk, one verdict."""
    found = only(seen(captured(answer)))
    assert found.summary.startswith("/ (also /var/spool/postfix, /var/log) is 3.5 % full")
    assert found.details["total_bytes"] == 2_097_152_000


@pytest.mark.parametrize(
    ("used", "status"),
    [(799, "healthy"), (800, "degraded"), (900, "degraded"), (901, "unhealthy")],
)
def test_limits_of_space(used: int, status: str) -> None:
    """80 % is already degraded, 90 % still, and above it unhealthy."""
    assert only(seen(row(used=used))).status == status


@pytest.mark.parametrize(
    ("used", "status"),
    [(799, "healthy"), (800, "degraded"), (900, "degraded"), (901, "unhealthy")],
)
def test_limits_of_inodes(used: int, status: str) -> None:
    """The same for inodes; the sentence names them only when they are the trouble."""
    found = only(seen(row(inodes_used=used)))
    assert found.status == status
    assert ("of its inodes" in found.summary) is (status != "healthy")


def test_a_filesystem_without_a_number_of_inodes_is_not_judged_by_it() -> None:
    """Btrfs says 0 of 0."""
    found = only(seen(row(inodes=0, inodes_used=0)))
    assert found.status is Status.HEALTHY
    assert found.details["inodes_used_percent"] is None


def test_what_only_root_may_use_counts_as_used() -> None:
    """`df` says 100 % when users have nothing left, whatever root has in reserve."""
    reserve = b"ab12|ext2/ext3|4096|1000|50|0|10|9|/\n"
    found = only(seen(reserve))
    assert found.details["used_percent"] == 100
    assert found.status is Status.UNHEALTHY


@pytest.mark.parametrize(
    ("free", "status"), [(STOP_LINE + 1, "healthy"), (STOP_LINE, "unhealthy"), (0, "unhealthy")]
)
def test_postfix_stops_at_its_line(free: int, status: str) -> None:
    """1.5 x message_size_limit free is too little for Postfix, though a tenth is in use."""
    answer = f"ab12|zfs|1|{free * 10 // 9 + 1}|{free}|{free}|9|9|/var/spool/postfix\n".encode()
    server = replace(SERVER, disk_paths=("/var/spool/postfix",))
    if free:
        assert only(seen(answer, server)).status == status
    else:
        assert only(seen(b"ab12|zfs|1|9|0|0|9|9|/var/spool/postfix\n", server)).status == status


@pytest.mark.parametrize(
    ("postconf", "line"),
    [
        (b"message_size_limit = 10240000\nqueue_minfree = 0\n", 15_360_000),
        (b"message_size_limit = 10240000\nqueue_minfree = 90000000\n", 90_000_000),
        (b"message_size_limit = 0\nqueue_minfree = 0\n", 0),
        (b"message_size_limit = 10240000\n", None),
        (b"message_size_limit = $x\nqueue_minfree = 0\n", None),
        (b"message_size_limit = " + b"9" * 5000 + b"\nqueue_minfree = 0\n", None),
        (b"", None),
        (MISSING, None),
    ],
)
def test_the_stop_line_is_postfixs_own(postconf: bytes | Unanswered, line: int | None) -> None:
    """The larger of 1.5 x message_size_limit and queue_minfree; none when Postfix does not tell."""
    found = seen(row("/var/spool/postfix"), postconf=postconf)
    assert found.stop_line_bytes == line


def test_the_stop_line_holds_where_the_queue_is() -> None:
    """A full /boot stops no mail; a queue that was moved is held to its own filesystem."""
    small = b"ab12|ext2/ext3|1|100|90|90|9|9|"
    two = small + b"/boot\n" + row("/var/spool/postfix", id="cd34")
    server = replace(SERVER, disk_paths=("/boot", "/var/spool/postfix"))
    assert [one.status for one in verdicts(seen(two, server))] == [Status.HEALTHY, Status.HEALTHY]
    moved = POSTCONF.replace(b"/var/spool/postfix", b"/boot")
    assert verdicts(seen(two, server, moved))[0].status is Status.UNHEALTHY


def test_filesystems_are_told_apart() -> None:
    """Each has a verdict of its own, with the first of its paths as its name."""
    answer = row("/") + row("/var/spool/postfix", 850, id="cd34") + row("/var/log")
    found = verdicts(seen(answer))
    assert [(one.item, str(one.status)) for one in found] == [
        ("/", "healthy"),
        ("/var/spool/postfix", "degraded"),
    ]
    assert found[0].details["paths"] == ["/", "/var/log"]


def test_subvolumes_of_btrfs_share_one_space() -> None:
    """They have ids of their own and are one filesystem all the same."""
    answer = row("/", type="btrfs", id="a1") + row("/var/log", type="btrfs", id="a2")
    assert only(seen(answer)).details["paths"] == ["/", "/var/log"]


def test_a_usual_path_that_is_not_there_is_not_missed_and_a_configured_one_is() -> None:
    """No Postfix, no spool; but whoever writes /srv into the configuration wants to know."""
    assert only(seen(row("/"))).item == "/"
    server = replace(SERVER, disk_paths=("/", "/srv"))
    there, gone = verdicts(seen(row("/"), server))
    assert there.status is Status.HEALTHY
    assert (gone.item, gone.status) == ("/srv", Status.UNKNOWN)


def test_a_filesystem_without_a_size_is_unknown() -> None:
    """/proc is not 0 % full."""
    found = only(seen(b"ab12|proc|4096|0|0|0|0|0|/\n"))
    assert found.status is Status.UNKNOWN


@pytest.mark.parametrize(
    "output", [b"", b"\xff\xfe", b"stat: not found", b"ab|x|1|2|3|4|5|/\n", b"path "]
)
def test_an_answer_without_sizes_is_garbled(output: bytes) -> None:
    """Nothing is known then, and nothing is called empty."""
    with pytest.raises(GarbledAnswer, match="expected sizes of filesystems"):
        seen(output)


FIELDS = st.sampled_from(
    ["0", "1", "4096", "9" * 20, "9" * 21, "-1", "", "zz", "/", "a b", "btrfs"]
)
ROWS = st.lists(st.lists(FIELDS, min_size=8, max_size=10).map("|".join)).map("\n".join)
TABLES = st.sampled_from(["busybox-df", "df"]).flatmap(
    lambda name: st.integers(0, 400).map(lambda cut: captured(name)[:cut])
)


@given(st.binary(max_size=200) | ROWS.map(str.encode) | TABLES)
def test_no_answer_breaks_the_check(output: bytes) -> None:
    """Whatever a server writes, it is read and judged, or refused in a known way."""
    try:
        found = verdicts(seen(output, postconf=output))
    except (NotAnswered, GarbledAnswer):
        return
    assert all(isinstance(one.status, Status) for one in found)


def test_paths_are_quoted(tmp_path: Path) -> None:
    """A path with spaces, quotes and a command in it is asked for as it is."""
    path = tmp_path / "it's $(touch owned) here"
    path.mkdir()
    server = replace(SERVER, disk_paths=(str(path),))
    (request, _) = CHECK.ask(server, None)
    done = subprocess.run(
        ["sh", "-c", request.script], capture_output=True, check=True, timeout=60, cwd=tmp_path
    )
    assert only(seen(done.stdout, server)).item == str(path)
    assert not (tmp_path / "owned").exists()


def test_this_machine_is_asked_in_both_ways(tmp_path: Path) -> None:
    """Without a `stat` that knows -f, `df` gives the same size."""
    (tmp_path / "stat").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "stat").chmod(0o755)
    (request, _) = CHECK.ask(SERVER, None)
    sizes = []
    for path in ("/usr/bin:/bin", f"{tmp_path}:/usr/bin:/bin"):
        done = subprocess.run(
            ["sh", "-c", request.script],
            env={"PATH": path, "LC_ALL": "C"},
            capture_output=True,
            check=False,
            timeout=60,
        )
        sizes.append(verdicts(seen(done.stdout))[0].details["total_bytes"])
    assert sizes[0] == pytest.approx(sizes[1], abs=4096)
