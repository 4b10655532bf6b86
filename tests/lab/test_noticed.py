"""What goes wrong on a real mail host is in the answer of a real `mailvane serve` after the next sweep."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from lab.host import Host
from lab.lab import Lab

MAILVANE = Path(sys.executable).with_name("mailvane")
URL = "http://127.0.0.1:8125"
PATIENCE_SECONDS = 90
CONFIG = """
servers:
  - name: mx1
    hostname: mx1.test
    address: {address}
    region: lab
    zone: lab-a
    ssh: {{user: monitor, key: {key}, host: {address}, known_hosts: [{known_hosts}], config_files: []}}
    services: [postfix, opendkim, dovecot]
    certificate: {{ports: [587, 993], ca_file: {ca_file}}}
checks:
  - {{name: relay-host, command: "postconf -h relayhost", expect: "", otherwise: degraded}}
cache: {{refresh_every: 2s, fresh_for: 20s}}
api: {{listen: "127.0.0.1:8125"}}
"""


class Service:
    """A running `mailvane serve` that watches the lab, as an administrator sees it."""

    def __init__(self, words: list[str], token: str) -> None:
        self.words = words
        self.token = token

    def get(self, path: str, method: str = "GET") -> Any:
        """The JSON at the path."""
        request = urllib.request.Request(
            f"{URL}{path}", headers={"Authorization": f"Bearer {self.token}"}, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def sweep(self) -> None:
        """The host was asked everything anew; as often as an operator may."""
        while True:
            try:
                self.get("/api/v1/servers/mx1/sweep", "POST")
            except urllib.error.HTTPError as error:
                if error.code != HTTPStatus.TOO_MANY_REQUESTS:
                    raise
                time.sleep(int(error.headers["Retry-After"]))
            else:
                return

    def mail(self) -> Any:
        """`.components.mailServer` of the health document."""
        return self.get("/admin/system/health")["components"]["mailServer"]

    def first_after_now(self) -> Any:
        """The first answer whose sweep began after this call."""
        now = datetime.now(UTC)
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            mail = self.mail()
            if mail["observedAt"] and datetime.fromisoformat(mail["observedAt"]) > now:
                return mail
            assert time.monotonic() < end, f"no sweep since {now}: {mail}"
            time.sleep(0.1)

    def problem(self, check: str) -> Any:
        """The problem that the check has in the latest answer."""
        return next(p for p in self.mail()["problems"] if p["check"] == check)

    def until(self, true: Callable[[Any], bool]) -> Any:
        """The first answer for which that is true."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not true(mail := self.mail()):
            assert time.monotonic() < end, mail
            time.sleep(0.2)
        return mail


@pytest.fixture(scope="module")
def watching(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Mailvane watches mx1 over SSH, every two seconds."""
    folder = tmp_path_factory.mktemp("watching")
    config = folder / "mailvane.yaml"
    config.write_text(
        CONFIG.format(
            address=lab.host("mx1").address,
            key=lab.ssh_key,
            known_hosts=lab.known_hosts,
            ca_file=lab.ca_file,
        )
    )
    words = [str(w) for w in (MAILVANE, "--config", config, "--state", folder / "state")]
    made = subprocess.run(
        [*words, "token", "create", "tests", "--role", "operator"],
        capture_output=True,
        text=True,
        check=True,
    )
    token = re.search(r"mvt_\S+", made.stdout)
    assert token
    with (folder / "serve.log").open("wb") as log:
        service = subprocess.Popen([*words, "serve"], stdout=log, stderr=log)
    try:
        wait_for_port(service, folder / "serve.log")
        yield Service(words, token[0])
    finally:
        service.terminate()
        assert service.wait(timeout=30) == 0, (folder / "serve.log").read_text()


def wait_for_port(service: subprocess.Popen[bytes], log: Path) -> None:
    """The service answers."""
    end = time.monotonic() + PATIENCE_SECONDS
    while service.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{URL}/healthz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(log.read_text())


@pytest.fixture
def healthy(watching: Service, mx1: Host) -> Service:
    """The service, once it has seen the host healthy (but for what a log still remembers)."""
    del mx1
    watching.until(lambda mail: mail["instance"] == "healthy")
    watching.sweep()  # nothing is kept of what the last test did
    watching.until(lambda mail: mail["instance"] == "healthy" and not broken(mail))
    return watching


def broken(mail: Any) -> list[str]:
    """The checks that see a problem now; the log looks back over a quarter of an hour."""
    return [p["check"] for p in mail["problems"] if p["check"] != "log"]


def statuses(mail: Any) -> list[tuple[str, str]]:
    """The checks with a problem, and how they are."""
    return [(p["check"], p["status"]) for p in mail["problems"]]


def test_a_healthy_host_is_healthy(healthy: Service) -> None:
    """All is told in the platform's words, and none of it is made up."""
    mail = healthy.first_after_now()
    assert mail["instance"] == "healthy"
    assert mail["services"] == dict.fromkeys(("postfix", "opendkim", "dovecot"), "healthy")
    assert mail["queue"] == 0
    assert mail["certificate"] in ("89d", "90d")
    assert mail["delivery"] is None
    assert mail["stale"] is False


def test_dovecot_stopped_is_degraded(healthy: Service, mx1: Host) -> None:
    """Some services down is degraded, and names the one."""
    mx1.stop("dovecot")
    mail = healthy.first_after_now()
    assert (mail["services"]["dovecot"], mail["services"]["postfix"]) == ("unhealthy", "healthy")
    assert mail["status"] == "degraded"
    assert "dovecot" in healthy.problem("services")["summary"]


def test_a_killed_master_is_seen_though_systemd_says_active(healthy: Service, mx1: Host) -> None:
    """Postfix without its master process is down, whatever `systemctl is-active postfix` says."""
    mx1.kill_master()
    assert mx1.run("systemctl is-active postfix", check=False).stdout.strip() == "active"
    mail = healthy.first_after_now()
    assert mail["services"]["postfix"] == "unhealthy"
    assert mail["status"] in ("degraded", "unhealthy")


def test_all_services_down_is_unhealthy(healthy: Service, mx1: Host) -> None:
    """Nothing left to run is unhealthy, and the stopped Postfix's queue is never an empty one."""
    for service in ("postfix", "opendkim", "dovecot"):
        mx1.stop(service)
    mail = healthy.first_after_now()
    assert mail["status"] == "unhealthy"
    assert set(mail["services"].values()) == {"unhealthy"}


def test_150_deferred_mails_are_degraded(healthy: Service, mx1: Host) -> None:
    """The queue's number, reason and destination are told."""
    mx1.defer(150)
    mail = healthy.first_after_now()
    assert (mail["queue"], mail["status"]) == (150, "degraded")
    assert "defer.test" in healthy.problem("queue")["summary"]


def test_501_queued_mails_are_unhealthy(healthy: Service, mx1: Host) -> None:
    """More than 500 is unhealthy."""
    mx1.fill_queue(501)
    mail = healthy.first_after_now()
    assert (mail["queue"], mail["status"]) == (501, "unhealthy")


@pytest.mark.parametrize(("percent", "status"), [(85, "degraded"), (96, "unhealthy")])
def test_a_full_disk_is_noticed(healthy: Service, mx1: Host, percent: int, status: str) -> None:
    """85 % used is degraded, 96 % unhealthy; nothing is written there to find out."""
    mx1.fill_disk(percent=percent)
    mail = healthy.first_after_now()
    assert (mail["status"], healthy.problem("disk")["status"]) == (status, status)


def test_a_certificate_runs_out_without_being_asked_again(healthy: Service, mx1: Host) -> None:
    """The days left are counted from what was seen: eight days left become seven as time passes."""
    mx1.certificate(days=8 + 40 / 86_400)
    healthy.sweep()
    assert healthy.problem("certificate")["status"] == "degraded"
    mail = healthy.until(lambda mail: mail["certificate"] == "7d")
    assert mail["status"] == "unhealthy"


@pytest.mark.parametrize(
    "how", [{"days": -2}, {"days": 90, "name": "other.test"}, {"days": 90, "trusted": False}]
)
def test_a_certificate_that_a_client_refuses_is_unhealthy(
    healthy: Service, mx1: Host, how: dict[str, Any]
) -> None:
    """Expired, for another name or from an unknown authority: whoever connects is told no."""
    mx1.certificate(**how)
    healthy.sweep()
    assert healthy.problem("certificate")["status"] == "unhealthy"


def test_no_probe_looks_like_a_scanner(healthy: Service, mx1: Host, lab: Lab) -> None:
    """Our look at the certificate ends with QUIT; the host's log shows no lost connection of ours.

    The lab itself only waits for a banner, from the same address, which is logged as lost after CONNECT.
    """
    before = len(mx1.run("cat /var/log/mail.log").stdout.splitlines())
    healthy.sweep()
    log = mx1.run("cat /var/log/mail.log").stdout.splitlines()[before:]
    ours = [line for line in log if f"[{lab.layout.network}.1]" in line]
    assert [line for line in ours if re.search("lost connection after (?!CONNECT)", line)] == []
    assert any(re.search("disconnect from .* starttls=1 quit=1", line) for line in ours)


def test_a_pulled_cable_is_unhealthy_and_mends_itself(healthy: Service, mx1: Host) -> None:
    """An unreachable instance is unhealthy, nothing else is asked, and the return is noticed."""
    mx1.network(up=False)
    mail = healthy.first_after_now()
    assert (mail["instance"], mail["status"]) == ("unhealthy", "unhealthy"), mail
    assert mail["queue"] is None
    report = healthy.get("/api/v1/servers/mx1")
    assert "queue" in report["not_asked"]
    mx1.network(up=True)
    healthy.until(lambda mail: mail["instance"] == "healthy")


def test_a_power_cut_is_unhealthy_and_mends_itself(healthy: Service, mx1: Host) -> None:
    """The machine going off is unhealthy; back on, it is asked again without our doing."""
    mx1.power(on=False)
    assert healthy.first_after_now()["instance"] == "unhealthy"
    mx1.power(on=True)
    healthy.until(lambda mail: mail["instance"] == "healthy" and mail["queue"] == 0)


def test_a_missing_right_is_unknown_and_says_what_to_do(healthy: Service, mx1: Host) -> None:
    """Without the group that reads logs, that check alone is unknown, with the command that gives it back."""
    mx1.run("gpasswd -d monitor adm; pkill -u monitor sshd", check=False)
    try:
        mail = healthy.until(lambda mail: ("log", "unknown") in statuses(mail))
        problem = next(p for p in mail["problems"] if p["check"] == "log")
        assert "adm" in problem["fix"]
        assert mail["queue"] == 0
    finally:
        mx1.run("gpasswd -a monitor adm; pkill -u monitor sshd", check=False)


def test_an_absent_command_is_unknown(healthy: Service, mx1: Host) -> None:
    """A queue that cannot be listed is null and unknown, not empty."""
    mx1.run("mv /usr/sbin/postqueue /usr/sbin/postqueue.away; chmod 700 /var/spool/postfix")
    mx1.run("mv /etc/sudoers.d/mailvane /root/")
    try:
        mx1.run("pkill -u monitor sshd", check=False)
        mail = healthy.until(lambda mail: mail["queue"] is None and mail["instance"] == "healthy")
        assert healthy.problem("queue")["status"] == "unknown"
        assert mail["services"]["dovecot"] == "healthy"
    finally:
        mx1.run("mv /usr/sbin/postqueue.away /usr/sbin/postqueue; chmod 755 /var/spool/postfix")
        mx1.run("mv /root/mailvane /etc/sudoers.d/; pkill -u monitor sshd", check=False)


def test_failed_logins_and_rejects_are_counted_from_the_log(healthy: Service, mx1: Host) -> None:
    """What the log says since the last sweep is counted once, through a rotation."""
    before = metrics(healthy)
    mx1.run(
        "logger -p mail.warning -t postfix/smtpd 'NOQUEUE: reject: RCPT from x[192.0.2.9]: 554 5.7.1 no'"
    )
    mx1.run("mv /var/log/mail.log /var/log/mail.log.1; pkill -HUP rsyslogd")
    mx1.run(
        "logger -p mail.warning -t postfix/smtpd 'NOQUEUE: reject: RCPT from x[192.0.2.9]: 554 5.7.1 no'"
    )
    healthy.first_after_now()
    healthy.first_after_now()
    assert metrics(healthy)["log_rejects_15min"] == before["log_rejects_15min"] + 2


def metrics(service: Service) -> dict[str, float]:
    """The metrics of the log check."""
    report = service.get("/api/v1/servers/mx1")
    return {
        metric["name"]: metric["value"]
        for result in report["results"]
        if result["check"] == "log"
        for metric in result["metrics"]
    }


def test_check_exits_with_the_truth(healthy: Service, mx1: Host) -> None:
    """`mailvane check` exits 1 when something is degraded, and its plugin line says so."""
    mx1.stop("dovecot")
    environ = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(
        [*healthy.words, "check", "--plugin"],
        capture_output=True,
        text=True,
        check=False,
        env=environ,
    )
    assert done.returncode == 1, done
    assert done.stdout.startswith("MAILVANE DEGRADED")
