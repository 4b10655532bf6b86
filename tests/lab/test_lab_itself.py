"""The lab does what its verbs say, to a real mail host."""

import imaplib
import json
import os
import re
import smtplib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lab.errors import LabError
from lab.host import Host
from lab.lab import Lab
from lab.processes import started

REPOSITORY = Path(__file__).parents[2]
ACTIVE = "systemctl is-active postfix postfix@- opendkim dovecot"


def words(text: str) -> list[str]:
    """The lines of an answer."""
    return text.splitlines()


def queue(host: Host) -> list[dict[str, Any]]:
    """What postqueue says of each mail."""
    return [json.loads(line) for line in words(host.run("postqueue -j").stdout)]


def refuses(host: Host, port: int) -> bool:
    """Whether a connection is turned away at once."""
    with socket.socket() as attempt:
        attempt.settimeout(3)
        try:
            attempt.connect((host.address, port))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


def wait_until(true: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether it became true in time."""
    end = time.monotonic() + seconds
    while not (result := true()) and time.monotonic() < end:
        time.sleep(0.1)
    return result


def submission(lab: Lab, host: Host) -> smtplib.SMTP:
    """A session on port 587 whose certificate and name were verified."""
    session = smtplib.SMTP(host.address, 587, timeout=10)
    # smtplib verifies the name that it thinks it connected to.
    session._host = host.hostname  # type: ignore[attr-defined]
    try:
        session.starttls(context=ssl.create_default_context(cafile=lab.ca_file))
    except ssl.SSLError:
        session.close()
        raise
    return session


def why_not_trusted(lab: Lab, host: Host) -> str:
    """What a careful client finds wrong with the certificate; empty if nothing."""
    try:
        with submission(lab, host):
            return ""
    except ssl.SSLCertVerificationError as error:
        return error.verify_message


def ssh(lab: Lab, *command: str) -> subprocess.CompletedProcess[str]:
    """A command has run on mx1 as the monitor user."""
    line = [*lab.ssh_command("mx1"), *command]
    return subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)


def test_a_host_boots_whole(mx1: Host) -> None:
    """All units of a booted host are well, and its services run."""
    assert mx1.run("systemctl is-system-running --wait").stdout == "running\n"
    assert set(words(mx1.run(ACTIVE).stdout)) == {"active"}
    assert mx1.run("hostname").stdout == "mx1.test\n"
    assert mx1.address == "10.78.0.11"


def test_the_monitor_logs_in_by_key_and_may_read_logs_but_not_become_root(
    lab: Lab, mx1: Host
) -> None:
    """SSH accepts the lab's key under the known host key, and gives no more than was meant."""
    mx1.run("logger -p mail.info a line for the log")
    done = ssh(lab, "id -un; grep -c . /var/log/mail.log; sudo -n id")
    user, lines = words(done.stdout)
    assert user == lab.ssh_user
    assert int(lines) > 0
    assert "password is required" in done.stderr
    assert f"{mx1.address} {mx1.host_key}\n" in lab.known_hosts.read_text()


def test_sudo_allows_what_the_file_allows(lab: Lab, mx1: Host) -> None:
    """Every command that sudo lists for the monitor comes from the file that the lab installs."""
    listed = [line.strip() for line in words(ssh(lab, "sudo -n -l").stdout)]
    allowed = [line for line in listed if "NOPASSWD" in line]
    assert allowed
    assert mx1.run("visudo -c -f /etc/sudoers.d/mailvane").returncode == 0


def test_nothing_leaves_the_lab(mx1: Host) -> None:
    """Neither the host nor this thread has a way to any other address."""
    assert mx1.run("ip route get 192.0.2.7", check=False).returncode != 0
    with pytest.raises(OSError, match="unreachable"):
        socket.create_connection(("192.0.2.7", 25), timeout=3)


def test_sent_mail_arrives_signed(lab: Lab, mx1: Host) -> None:
    """Mail to accept.test lies at the sink with a DKIM signature of the host."""
    lab.sink("accept").clear()
    mx1.send(3)
    texts = [path.read_text() for path in lab.sink("accept").mails()]
    assert len(texts) == 3
    assert all("DKIM-Signature:" in text and "d=mx1.test; s=lab;" in text for text in texts)


def test_deferred_mail_waits_with_its_reason(mx1: Host) -> None:
    """Mail to defer.test is in the deferred queue when the call returns, and says why."""
    mx1.defer(12)
    mails = queue(mx1)
    assert [mail["queue_name"] for mail in mails] == ["deferred"] * 12
    assert all("450 4.3.0" in mail["recipients"][0]["delay_reason"] for mail in mails)


def test_bounced_mail_is_logged(mx1: Host) -> None:
    """Mail to reject.test has bounced when the call returns."""
    before = mx1.run("grep -c status=bounced /var/log/mail.log", check=False).stdout
    mx1.bounce(2)
    after = mx1.run("grep -c status=bounced /var/log/mail.log").stdout
    assert int(after) == int(before or 0) + 2


def test_a_filled_queue_is_one_that_postfix_would_have_made(mx1: Host) -> None:
    """The copies have queue ids of their own that Postfix keeps, and each a reason."""
    mx1.fill_queue(500)
    mails = queue(mx1)
    ids = {mail["queue_id"] for mail in mails}
    assert len(ids) == 500
    assert all("450 4.3.0" in mail["recipients"][0]["delay_reason"] for mail in mails)
    # What Postfix does at each start: it renames what it would have named otherwise.
    mx1.run("postsuper -s")
    assert {mail["queue_id"] for mail in queue(mx1)} == ids


def test_a_filled_queue_is_delivered_when_the_other_side_accepts(lab: Lab, mx1: Host) -> None:
    """The copies are whole mails: once accepted, each arrives and the queue is empty."""
    mx1.fill_queue(40)
    lab.sink("defer").clear()
    lab.sink("defer").mode("accept")
    mx1.run("postqueue -f")
    assert wait_until(lambda: not queue(mx1))
    assert len(lab.sink("defer").mails()) == 40


def test_an_emptied_queue_is_empty(mx1: Host) -> None:
    """No mail waits after the queue was emptied."""
    mx1.fill_queue(20)
    mx1.empty_queue()
    assert queue(mx1) == []
    assert mx1.run("mailq").stdout == "Mail queue is empty\n"


@pytest.mark.parametrize("percent", [50, 80, 81, 95])
def test_a_filled_disk_shows_the_percentage(mx1: Host, percent: int) -> None:
    """`df` shows exactly the percentage that was asked for, and little once freed."""
    mx1.fill_disk(percent=percent)
    assert mx1.run("df --output=pcent / | tail -1").stdout.strip() == f"{percent}%"
    mx1.free_disk()
    assert int(mx1.run("df --output=pcent / | tail -1").stdout.strip(" %\n")) < 20


def test_a_full_disk_stops_mail(mx1: Host) -> None:
    """With less than Postfix wants free, it refuses mail; once freed, mail flows and is logged."""
    mx1.fill_disk(free_bytes=5_000_000)
    assert mx1.run("df -B1 --output=avail / | tail -1").stdout.strip().startswith(("5", "49"))
    with smtplib.SMTP(mx1.address, 25, timeout=10) as session:
        session.ehlo()
        assert session.mail("someone@accept.test")[0] == 452
    mx1.free_disk()
    mx1.send(1)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"days": 90}, ""),
        ({"days": 3}, ""),
        ({"days": -2}, "certificate has expired"),
        ({"days": 90, "name": "wrong.test"}, "Hostname mismatch"),
        ({"days": 90, "trusted": False}, "unable to get local issuer certificate"),
    ],
)
def test_a_certificate_is_seen_as_it_was_made(
    lab: Lab, mx1: Host, settings: dict[str, Any], reason: str
) -> None:
    """A careful client sees the new certificate, and objects to it exactly as it should."""
    mx1.certificate(**settings)
    assert why_not_trusted(lab, mx1).startswith(reason)
    assert bool(why_not_trusted(lab, mx1)) == bool(reason)


def test_a_certificate_ends_when_it_should(lab: Lab, mx1: Host) -> None:
    """The end that a client reads is so many days away, on submission and IMAP alike."""
    mx1.certificate(days=12)
    context = ssl.create_default_context(cafile=lab.ca_file)
    with (
        socket.create_connection((mx1.address, 993), timeout=5) as connection,
        context.wrap_socket(connection, server_hostname=mx1.hostname) as secured,
    ):
        ends = ssl.cert_time_to_seconds(str(secured.getpeercert()["notAfter"]))  # type: ignore[index]
    assert ends - time.time() == pytest.approx(12 * 86400, abs=60)


def test_a_stopped_service_is_stopped_until_it_is_started(mx1: Host) -> None:
    """Dovecot alone is down after a stop, and up after a start."""
    mx1.stop("dovecot")
    assert words(mx1.run(ACTIVE, check=False).stdout) == ["active"] * 3 + ["inactive"]
    assert refuses(mx1, 993)
    mx1.start("dovecot")
    assert wait_until(lambda: not refuses(mx1, 993))


def test_a_stopped_postfix_is_started_again(mx1: Host) -> None:
    """Postfix refuses after a stop and greets after a start."""
    mx1.stop("postfix")
    assert refuses(mx1, 25)
    mx1.start("postfix")
    assert not refuses(mx1, 25)


def test_a_killed_master_leaves_a_service_that_says_active(mx1: Host) -> None:
    """Port 25 refuses though systemd calls postfix active; a start mends it."""
    mx1.kill_master()
    assert refuses(mx1, 25)
    assert refuses(mx1, 587)
    assert mx1.run("systemctl is-active postfix").stdout == "active\n"
    mx1.start("postfix")
    assert not refuses(mx1, 25)


def test_a_pulled_cable_is_silence(mx1: Host) -> None:
    """With its cable out the host neither answers nor refuses; plugged, it answers again."""
    mx1.network(up=False)
    with pytest.raises(OSError, match=r"timed out|No route"):
        socket.create_connection((mx1.address, 22), timeout=1)
    mx1.network(up=True)
    mx1.wait_ready(10)


def test_a_cut_host_is_off_and_keeps_its_queue(mx1: Host) -> None:
    """Power off is at once; power on brings the host back with what was on its disk."""
    mx1.defer(2)
    began = time.monotonic()
    mx1.power(on=False)
    assert time.monotonic() - began < 5
    assert refuses(mx1, 22)
    with pytest.raises(LabError, match="it is off"):
        mx1.run("true")
    mx1.power(on=True)
    assert len(queue(mx1)) == 2


def test_a_shutdown_is_orderly(mx1: Host) -> None:
    """The host went through its own power-off, and comes back whole."""
    mx1.shutdown()
    assert refuses(mx1, 22)
    assert "Powering off." in words(mx1.powered.process.log.read_text())
    mx1.power(on=True)
    assert wait_until(lambda: set(words(mx1.run(ACTIVE, check=False).stdout)) == {"active"})


def test_a_command_that_still_runs_does_not_keep_a_host_on(mx1: Host) -> None:
    """A shutdown ends what is being run on the host, and is not held up by it."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        running = thread.submit(mx1.run, "sleep 50", check=False)
        began = time.monotonic()
        mx1.shutdown()
        assert time.monotonic() - began < 20
        assert running.result(timeout=5).returncode != 0


def test_mail_for_a_user_is_read_over_imap(lab: Lab, mx1: Host) -> None:
    """What is delivered to bob is in bob's mailbox."""
    with smtplib.SMTP(mx1.address, 25, timeout=10) as session:
        session.sendmail("someone@accept.test", ["bob@mx1.test"], "Subject: for bob\n\nhello\n")
    context = ssl.create_default_context(cafile=lab.ca_file)
    context.check_hostname = False
    with imaplib.IMAP4_SSL(mx1.address, 993, ssl_context=context, timeout=10) as mailbox:
        mailbox.login("bob", "bob-secret")
        assert wait_until(lambda: mailbox.select()[1] != [b"0"])


def test_submission_asks_who_is_there(lab: Lab, mx1: Host) -> None:
    """The right password sends, a wrong one is refused, and nobody relays on port 25."""
    with submission(lab, mx1) as session:
        session.login("alice", "alice-secret")
        session.sendmail("alice@mx1.test", ["someone@accept.test"], "Subject: hello\n\nhello\n")
    with submission(lab, mx1) as session:
        session.user, session.password = "alice", "wrong"
        with pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
            session.auth("PLAIN", session.auth_plain)
    with smtplib.SMTP(mx1.address, 25, timeout=10) as session:
        session.ehlo()
        session.mail("someone@accept.test")
        assert session.rcpt("someone@defer.test")[0] == 554


def test_the_name_server_learns_and_forgets(lab: Lab, mx1: Host) -> None:
    """A record that was added is answered to the host, and no longer once removed."""
    lab.dns.add("new.test. 60 IN A 10.78.0.99")
    assert mx1.run("getent ahostsv4 new.test").stdout.startswith("10.78.0.99 ")
    lab.dns.remove("new.test.")
    assert mx1.run("getent ahostsv4 new.test", check=False).returncode == 2
    with pytest.raises(LabError, match="error parsing"):
        lab.dns.add("not a record")


def test_a_sink_changes_its_mind(lab: Lab) -> None:
    """Each mode is what a client meets: 250, 450, 500, or nobody."""
    sink = lab.sink("accept")
    seen = {}
    for mode in ("accept", "defer", "reject"):
        sink.mode(mode)
        with smtplib.SMTP(sink.address, 25, timeout=5) as session:
            session.ehlo()
            session.mail("a@mx1.test")
            seen[mode] = session.rcpt("b@accept.test")[0]
    sink.mode("off")
    with pytest.raises(ConnectionRefusedError):
        smtplib.SMTP(sink.address, 25, timeout=5)
    sink.restore()
    assert seen == {"accept": 250, "defer": 450, "reject": 500}


def test_the_host_accounts_for_its_cpu(mx1: Host) -> None:
    """CPU that a service of the host uses is counted, and that of others is not."""
    before = mx1.cpu_seconds()
    mx1.run("systemd-run --wait --quiet sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'")
    assert 0.05 < mx1.cpu_seconds() - before < 20


def test_a_second_lab_runs_beside_the_first(lab: Lab, mx1: Host, tmp_path: Path) -> None:
    """Another lab has its own host, reached on its own network, and leaves nothing behind."""
    other = Lab(directory=tmp_path / "lab", network="10.79.0", prefix=f"mvo{os.getpid()}")
    try:
        other.up(hosts=1)
        host = other.host("mx1")
        assert host.run("hostname -I").stdout.split()[0] == "10.79.0.11"
        assert host.run("getent hosts accept.test").stdout.startswith("10.79.0.3 ")
        pid = host.powered.process.pid
    finally:
        other.down()
    assert pid is not None
    assert started(pid) is None
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()
    assert not other.layout.namespace().exists()
    assert mx1.run("hostname -I").stdout.split()[0] == "10.78.0.11"


def test_a_host_can_be_added_to_a_lab_that_is_up(lab: Lab, mx1: Host) -> None:
    """A second `up` leaves the first host as it is and brings the next."""
    began = mx1.powered.leader()
    lab.up(hosts=2)
    assert mx1.powered.leader() == began
    second = lab.host("mx2")
    assert second.run("hostname").stdout == "mx2.test\n"
    assert len(words(lab.known_hosts.read_text())) == 2
    second.remove()


def test_errors_say_what_was_expected(lab: Lab, tmp_path: Path) -> None:
    """An unknown host, too many hosts, a wrong mode and a lab that is down are each a sentence."""
    with pytest.raises(LabError, match=r"expected a host of this lab \(mx1\); found 'mx7'"):
        lab.host("mx7")
    with pytest.raises(LabError, match="expected 0 to 15 hosts; found 16"):
        lab.up(hosts=16)
    with pytest.raises(LabError, match="found 'maybe'"):
        lab.sink("accept").mode("maybe")
    with pytest.raises(LabError, match="none is up"):
        Lab(directory=tmp_path).host("mx1")
    with pytest.raises(LabError, match="private /24"):
        Lab(directory=tmp_path, network="8.8.8")


def test_the_shell_says_the_same(lab: Lab, mx1: Host) -> None:
    """`python3 -m lab` runs commands on a host, and ends with a sentence when it cannot."""
    where = {
        "MAILVANE_LAB": str(lab.layout.directory),
        "MAILVANE_LAB_NET": lab.layout.network,
        "MAILVANE_LAB_NS": lab.layout.prefix,
    }

    def shell(*line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "lab", *line],
            cwd=REPOSITORY,
            env={**os.environ, **where},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert shell("exec", "mx1", "hostname").stdout == "mx1.test\n"
    assert shell("ssh", "mx1", "id -un").stdout == "monitor\n"
    assert re.search(r"^mx1 10\.78\.0\.11 on$", shell("status").stdout, re.MULTILINE)
    wrong = shell("defer", "mx9", "5")
    assert (wrong.returncode, words(wrong.stderr)) == (
        1,
        ["lab: expected a host of this lab (mx1); found 'mx9': run `python3 -m lab up N`"],
    )
