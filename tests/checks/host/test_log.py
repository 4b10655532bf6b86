"""The log check: read on by a real shell from real files, and judged."""

import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailvane.checks.host import _log_script
from mailvane.checks.host.log import CHECK, Log
from mailvane.core.errors import DoesNotApply, GarbledAnswer, NotAnswered
from mailvane.core.request import ShellOutput
from mailvane.core.response import Answered, Answers, Reason
from mailvane.core.result import Verdict
from mailvane.core.server import Local, Server, Service
from mailvane.core.status import Status

ANSWERS = Path(__file__).parents[2] / "answers" / "log"
WARNING = "postfix/smtpd[7]: warning: something odd"
SERVER = Server(name="mx", hostname="mx.example", reach=Local())


def line(message: str = WARNING, ago: timedelta = timedelta()) -> str:
    """A line of rsyslog as it would be written now, or a while ago."""
    when = (datetime.now(UTC) - ago).isoformat(timespec="microseconds")
    return f"{when} mx {message}\n"


def answered(server: Server, output: bytes, before: Log | None = None) -> Log:
    """What the check reads from an answer."""
    (request,) = CHECK.ask(server, before)
    now = datetime.now(UTC)
    answers = Answers({request: Answered(ShellOutput(0, output, b""), now)}, now)
    return CHECK.read(server, answers, before)


def verdicts(log: Log) -> dict[str, Verdict]:
    """The verdicts by their items."""
    return {verdict.item: verdict for verdict in CHECK.judge(log, CHECK.limits_for(SERVER))}


class Reader:
    """Sweeps one log file with a real `sh`."""

    def __init__(self, path: Path, shell: tuple[str, ...] = ("sh",)) -> None:
        self.path = path
        self._shell = shell
        self.server = replace(SERVER, log_files=(str(path),))
        self.log: Log | None = None

    def write(self, *lines: str) -> None:
        """The lines stand at the file's end."""
        with self.path.open("a") as file:
            file.writelines(lines)

    def sweep(self) -> Log:
        """One sweep, on from the one before."""
        (request,) = CHECK.ask(self.server, self.log)
        done = subprocess.run(
            [*self._shell, "-c", request.script], capture_output=True, check=True, timeout=60
        )
        assert done.stderr == b""
        self.log = answered(self.server, done.stdout, self.log)
        return self.log

    @property
    def warnings(self) -> int:
        """How many warnings the next sweep has counted in the last 15 minutes."""
        return self.sweep().window.of("warning")


@pytest.fixture(params=["sh", "busybox"])
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> Reader:
    """A reader of an empty log, with the shell and tools of this machine and with BusyBox' own."""
    if request.param == "sh":
        shell: tuple[str, ...] = ("sh",)
    elif busybox := shutil.which("busybox"):
        tools = tmp_path / "tools"
        tools.mkdir()
        for name in ("awk", "cat", "date", "head", "id", "stat", "tail"):
            (tools / name).symlink_to(busybox)
        shell = (busybox, "env", f"PATH={tools}", busybox, "sh")
    else:
        pytest.skip("busybox is not installed")
    reader = Reader(tmp_path / "mail.log", shell)
    reader.path.touch()
    return reader


def test_a_line_is_counted_once(reader: Reader) -> None:
    """A sweep counts what was written since the one before, and keeps what that one counted."""
    reader.write(line(), line())
    assert reader.warnings == 2
    reader.write(line())
    assert reader.warnings == 3
    assert reader.warnings == 3


def test_the_first_sweep_counts_the_last_quarter_of_an_hour_only(reader: Reader) -> None:
    """Older lines are not counted, by their own times; the window is whole at once."""
    reader.write(*[line(ago=timedelta(hours=3))] * 30, line(ago=timedelta(minutes=5)), line())
    log = reader.sweep()
    assert log.window.of("warning") == 2
    assert log.window.length == timedelta(minutes=15)


def test_the_first_sweep_begins_near_the_end(reader: Reader) -> None:
    """Of a large file the last 256 KiB are read, from a whole line on, and the window is shorter."""
    many = _log_script.FIRST_BYTES // len(line()) + 100
    reader.write(*[line(ago=timedelta(minutes=9))] * many, *[line(ago=timedelta(minutes=4))] * 500)
    reader.write(*[line()] * many)
    log = reader.sweep()
    assert log.window.of("warning") == _log_script.FIRST_BYTES // len(line())
    assert log.window.length < timedelta(minutes=2)
    assert "in the last 1 s" not in verdicts(log)[""].summary
    assert log.places[0][1][0].offset == reader.path.stat().st_size


def test_a_line_that_is_not_whole_waits(reader: Reader) -> None:
    """A line is counted when its end has come."""
    reader.sweep()
    whole = line()
    reader.write(whole[:30])
    assert reader.warnings == 0
    reader.write(whole[30:])
    assert reader.warnings == 1


def test_rotation_loses_nothing(reader: Reader) -> None:
    """What is written to the old file before and after it was renamed is counted, then the new file."""
    rotated = reader.path.with_name("mail.log.1")
    reader.sweep()
    reader.write(line())
    old = reader.path.open("a")
    reader.path.rename(rotated)
    assert reader.warnings == 1
    reader.write(line(), line())
    old.write(line())
    old.flush()
    assert reader.warnings == 4
    old.write(line())
    old.close()
    assert reader.warnings == 5
    assert reader.warnings == 5
    (_, places), *_ = reader.sweep().places
    assert [place.inode for place in places] == [reader.path.stat().st_ino]


def test_a_date_as_suffix_is_found_and_a_packed_file_is_not(reader: Reader) -> None:
    """`mail.log-20261124` is read to its end; one that was packed meanwhile is said to be lost."""
    reader.sweep()
    reader.write(line())
    reader.path.rename(reader.path.with_name("mail.log-20261124"))
    reader.write(line())
    assert reader.warnings == 2
    reader.sweep()
    reader.write(line())
    reader.path.rename(reader.path.with_name("mail.log-20261125.gz"))
    reader.write(line())
    log = reader.sweep()
    assert log.window.of("warning") == 3
    assert "rotated away before its last lines were read" in verdicts(log)[""].summary


def test_a_truncated_file_is_read_from_its_beginning(reader: Reader) -> None:
    """After `truncate` or logrotate's copytruncate nothing is counted twice, and it is said."""
    reader.write(line(), line())
    reader.sweep()
    reader.path.write_text(line())
    log = reader.sweep()
    assert log.window.of("warning") == 3
    assert log.notes == (f"{reader.path} was truncated and is read from its beginning",)


def test_a_file_that_was_replaced_in_place_is_noticed(reader: Reader) -> None:
    """One that was truncated and has grown past the place is read anew by the next sweep."""
    reader.write(line())
    reader.sweep()
    reader.path.write_text(line("postfix/smtpd[7]: warning: of another length") * 4)
    assert reader.warnings == 1
    assert reader.warnings == 5


def test_a_flood_is_read_in_pieces_or_passed_over_aloud(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep reads a bounded piece; far behind, it skips forward and says how much."""
    size = len(line())
    monkeypatch.setattr(_log_script, "CHUNK_BYTES", 100 * size)
    monkeypatch.setattr(_log_script, "BEHIND_BYTES", 300 * size)
    reader.sweep()
    reader.write(*[line()] * 250)
    log = reader.sweep()
    assert log.window.of("warning") == 100
    assert log.notes == (f"{150 * size / 1024:.1f} KiB of log are still to be read",)
    assert [reader.warnings, reader.warnings] == [200, 250]
    reader.write(*[line()] * 1000)
    log = reader.sweep()
    assert log.window.of("warning") == 350
    assert "KiB of log were passed over" in verdicts(log)[""].summary
    assert log.window.length < timedelta(minutes=2)
    assert reader.sweep().notes == ()


def test_what_is_no_line_is_passed_over(reader: Reader) -> None:
    """A hole of zero bytes, as a crash leaves it, does not hold up what comes after."""
    reader.write(line())
    reader.sweep()
    reader.write("\0" * 100_000)
    reader.sweep()
    reader.write("\n", line())
    assert reader.warnings == 2


def test_a_repeated_message_counts_as_often_as_it_was_said(reader: Reader) -> None:
    """What rsyslog means by `message repeated` and `last message repeated` is counted."""
    failed = "warning: x[192.0.2.1]: SASL LOGIN authentication failed: no"
    reader.write(line(f"postfix/smtpd[1]: {failed}"))
    reader.write(line(f"postfix/smtpd[1]: message repeated 4 times: [ {failed}]"))
    reader.write(line("last message repeated 2 times"))
    assert reader.sweep().window.of("sasl") == 7


def test_traditional_and_zero_padded_times_are_read(reader: Reader) -> None:
    """`Nov  4` of rsyslog and `Nov 04` of Postfix' own log are this year's, in the server's zone."""
    now = datetime.now().astimezone() - timedelta(minutes=1)
    for day in (f"{now.day:2}", f"{now.day:02}"):
        reader.write(f"{now:%b} {day} {now:%H:%M:%S} mx {WARNING}\n")
    log = reader.sweep()
    assert log.window.of("warning") == 2
    assert log.window.now - log.window.counts[0][0] < timedelta(minutes=3)


def test_structured_syslog_is_read(reader: Reader) -> None:
    """RFC 5424 has the process id as a field of its own."""
    when = datetime.now(UTC).isoformat()
    reader.write(f"<22>1 {when} mx postfix/submission/smtpd 2261 - - warning: odd\n")
    reader.write(f"<38>1 {when} mx sshd 99 - - Failed password for root from 192.0.2.1\n")
    window = reader.sweep().window
    assert (window.of("warning"), window.of("ssh")) == (1, 1)


def test_a_file_without_times_is_not_understood(reader: Reader) -> None:
    """A log in an unknown form is unknown, not quiet."""
    reader.write("hello\n", "world\n")
    with pytest.raises(GarbledAnswer, match="begin with a time"):
        reader.sweep()


def test_the_answer_is_bounded(reader: Reader) -> None:
    """However long the lines and however many, few leave the server, cut."""
    reader.sweep()
    reader.write(*[line(f"{WARNING} {'x' * 5000}")] * 300)
    (request,) = CHECK.ask(reader.server, reader.log)
    verdict = verdicts(reader.sweep())[""]
    assert len(verdict.evidence) == 10
    assert max(map(len, verdict.evidence)) == 500
    assert request.output_limit_bytes > 8 * 10 * 600 + 40 * 9 * 60


def test_a_missing_file_is_unknown(tmp_path: Path) -> None:
    """A configured log that is not there is no quiet log."""
    with pytest.raises(NotAnswered) as caught:
        Reader(tmp_path / "nowhere.log").sweep()
    assert caught.value.unanswered.reason is Reason.NOT_FOUND
    assert "log.files" in (caught.value.unanswered.fix or "")


def test_a_path_cannot_leave_its_quotes(tmp_path: Path) -> None:
    """A file's name with shell characters is a name and nothing else."""
    reader = Reader(tmp_path / "$(touch hacked) ';|&.log")
    reader.write(line())
    assert reader.warnings == 1
    assert list(tmp_path.iterdir()) == [reader.path]


def captured(name: str, server: Server = SERVER) -> Log:
    """What the check reads from an answer of a real mail host."""
    return answered(server, (ANSWERS / f"{name}.txt").read_bytes())


def test_a_quiet_host_is_healthy() -> None:
    """Nothing but connects and statistics: no error, and the lines are counted."""
    verdict = verdicts(captured("first"))[""]
    assert verdict.status is Status.HEALTHY
    assert verdict.summary == "0 errors, 0 warnings, 0 rejects in 16 lines in the last 15 min"


def test_failed_logins_and_rejects_are_counted_and_alarm_nobody() -> None:
    """Wrong passwords over SASL, IMAP and SSH are weather; so is a refused relay."""
    found = verdicts(captured("logins"))
    metrics = {m.name: m.value for verdict in found.values() for m in verdict.metrics}
    assert metrics["failed_logins_15min"] == 12
    assert metrics["failed_logins_ssh_15min"] == 4
    assert metrics["log_rejects_15min"] == 4
    assert found["logins"].status is Status.HEALTHY


def test_a_dead_milter_and_a_dead_dovecot_are_errors() -> None:
    """OpenDKIM and Dovecot were stopped while mail was submitted: degraded, and the line is named."""
    verdict = verdicts(captured("down"))[""]
    assert verdict.status is Status.DEGRADED
    assert verdict.summary.startswith("9 errors, 25 % of 36 lines in the last ")
    assert any("connect to Milter service" in line for line in verdict.evidence)
    assert verdict.fix


def test_a_process_limit_is_a_matter_of_its_own() -> None:
    """One line about a reached limit is enough."""
    log = captured("journal")
    only = tuple(count for count in log.window.counts if count[1] in ("lines", "saturation"))
    verdict = verdicts(replace(log, window=replace(log.window, counts=only)))[""]
    assert verdict.status is Status.DEGRADED
    assert 'service "submission" (587) has reached its process limit "2"' in verdict.summary


def test_the_journal_is_read_where_there_is_no_file() -> None:
    """The journal's answer counts the same, and its cursor is where the next sweep begins."""
    log = captured("journal")
    assert log.window.of("error") == 19
    (request,) = CHECK.ask(SERVER, log)
    assert log.cursor
    assert f"journal '{log.cursor}'" in request.script


def test_a_hostile_cursor_is_not_used() -> None:
    """What is no journal cursor never gets into the next script."""
    hostile = b"now 1795506837 +0000\njournal\ncursor\t';touch /tmp/x;'\ndone\t0\t0\n"
    assert answered(SERVER, hostile).cursor is None


def test_a_log_that_may_not_be_read_names_the_group() -> None:
    """Without rights the check is unknown, with the command that grants them."""
    with pytest.raises(NotAnswered) as caught:
        captured("denied")
    assert caught.value.unanswered.reason is Reason.NOT_PERMITTED
    assert caught.value.unanswered.detail == (
        "cannot read /var/log/mail.log (root:adm 0640) as monitor"
    )
    assert caught.value.unanswered.fix == "usermod -aG adm monitor, or see `mailvane access`"


def test_a_login_log_that_may_not_be_read_leaves_the_mail_log_alone() -> None:
    """Only SSH logins are unknown then; they are None, not zero."""
    found = verdicts(captured("denied-login"))
    assert found[""].status is Status.HEALTHY
    assert found["logins"].status is Status.UNKNOWN
    metrics = {metric.name: metric.value for metric in found["logins"].metrics}
    assert metrics["failed_logins_ssh_15min"] is None
    assert metrics["failed_logins_15min"] is None
    assert metrics["failed_logins_sasl_15min"] == 0


def test_a_login_log_that_may_be_read_again_goes_on_where_it_was() -> None:
    """The place outlives the time without rights."""
    first = captured("first")
    shut = b"now 1795506399 +0000\nfile /var/log/mail.log\npart 52 1068 1068 0 0 c /var/log/mail.log\nend\t0\n"
    shut += b"denied monitor root:adm 0600 /var/log/auth.log\ndone\t0\t0\n"
    assert dict(answered(SERVER, shut, first).places) == dict(first.places)


def test_without_any_log_a_mail_server_is_unknown_and_another_does_not_care() -> None:
    """No file and no journal: a server with mail services must have one, others need not."""
    nothing = (
        b"now 1795506369 +0000\nmissing /var/log/mail.log\nmissing /var/log/auth.log\ndone\t0\t0\n"
    )
    with pytest.raises(NotAnswered):
        answered(replace(SERVER, services=(Service("postfix"),)), nothing)
    with pytest.raises(DoesNotApply):
        answered(SERVER, nothing)
    with pytest.raises(DoesNotApply):
        answered(replace(SERVER, role="api"), nothing)


def test_a_server_without_mail_has_logins_only() -> None:
    """An API server's login log gives one verdict."""
    answer = b"now 1795506369 +0000\nmissing /var/log/mail.log\nfile /var/log/auth.log\n"
    answer += (
        b"part 4 9 0 9 0 c /var/log/auth.log\nend\t0\ncount\tNov 24 08:00\tssh\t3\ndone\t3\t0\n"
    )
    log = answered(replace(SERVER, role="api"), answer)
    assert list(verdicts(log)) == ["logins"]


@pytest.mark.parametrize(
    ("errors", "lines", "status"),
    [
        (4, 4, Status.HEALTHY),
        (5, 5, Status.DEGRADED),
        (5, 5001, Status.HEALTHY),
        (5, 5000, Status.DEGRADED),
        (30, 30, Status.DEGRADED),
        (31, 31, Status.UNHEALTHY),
        (31, 310, Status.DEGRADED),
        (31, 309, Status.UNHEALTHY),
    ],
)
def test_errors_alarm_by_number_and_share(errors: int, lines: int, status: Status) -> None:
    """Few errors are nothing in many lines, and most lines are nothing when they are few."""
    assert judged(error=errors, lines=lines)[""].status is status


@pytest.mark.parametrize(
    ("warnings", "lines", "status"),
    [(3, 5, Status.HEALTHY), (20, 400, Status.DEGRADED), (20, 401, Status.HEALTHY)],
)
def test_warnings_alarm_by_number_and_share(warnings: int, lines: int, status: Status) -> None:
    """Three warnings of five lines are a quiet night."""
    assert judged(warning=warnings, lines=lines)[""].status is status


@pytest.mark.parametrize(("failed", "status"), [(999, "healthy"), (1000, "degraded")])
def test_failed_logins_alarm_in_a_storm_only(failed: int, status: str) -> None:
    """From a thousand in a quarter of an hour on someone tries in earnest."""
    assert judged(ssh=failed - 9, sasl=9)["logins"].status == status


def judged(**counts: int) -> dict[str, Verdict]:
    """The verdicts on a window with these counts by class."""
    log = captured("first")
    now = log.window.now
    made = tuple((now, kind, count) for kind, count in counts.items())
    return verdicts(replace(log, window=replace(log.window, counts=made)))


def test_a_clock_that_differs_is_said() -> None:
    """More than a minute between the server's clock and ours stands in the details."""
    log = captured("first")
    assert "clock" not in verdicts(replace(log, ahead=timedelta(seconds=60)))[""].details
    details = verdicts(replace(log, ahead=timedelta(seconds=-120)))[""].details
    assert details["clock_ahead_seconds"] == -120
    assert details["clock"] == "the server's clock is 2 min behind ours"
