"""The services check: captured answers of real hosts, and every rule of its table."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailvane.checks import _postconf
from mailvane.checks.host.services import CHECK, Services
from mailvane.core.errors import DoesNotApply, GarbledAnswer, NotAnswered
from mailvane.core.request import ShellOutput
from mailvane.core.response import Answered, Answers, Reason, Unanswered
from mailvane.core.result import Verdict
from mailvane.core.server import Local, Server, Service
from mailvane.core.status import Status

ANSWERS = Path(__file__).parents[2] / "answers"
POSTCONF = (ANSWERS / "postconf" / "debian-12.txt").read_bytes()
NOW = datetime(2026, 11, 24, 7, 50, tzinfo=UTC)
THREE = (Service("postfix"), Service("opendkim"), Service("dovecot"))
SERVER = Server(name="mx", hostname="mx.test", reach=Local(), services=THREE)
TCP = "Init=systemd\nRead=/proc/net/tcp\n"


def captured(name: str) -> bytes:
    """What a real host answered."""
    return (ANSWERS / "services" / f"{name}.txt").read_bytes()


def seen(
    output: bytes,
    server: Server = SERVER,
    before: Services | None = None,
    *,
    now: datetime = NOW,
    postconf: bytes | None = POSTCONF,
) -> Services:
    """What the check reads from an answer."""
    (request, settings) = CHECK.ask(server, before)
    assert settings == _postconf.COMMAND
    told = (
        Unanswered(Reason.TIMEOUT, "postconf hangs")
        if postconf is None
        else Answered(ShellOutput(0, postconf, b""), now)
    )
    answer = Answered(ShellOutput(0, output, b""), now)
    return CHECK.read(server, Answers({request: answer, settings: told}, now), before)


def verdict(services: Services) -> Verdict:
    """The one verdict."""
    (only,) = CHECK.judge(services, CHECK.limits_for(SERVER))
    return only


def unit(name: str, active: str = "active", **more: str) -> str:
    """A unit as `systemctl show` writes it."""
    said = {
        "Id": name,
        "Names": name,
        "Type": "simple",
        "LoadState": "loaded",
        "UnitFileState": "enabled",
        "ActiveState": active,
        "SubState": "running",
        "Result": "success",
        "NRestarts": "0",
        "StateChangeTimestamp": "Tue 2026-11-24 06:00:00 UTC",
        "ActiveEnterTimestamp": "Tue 2026-11-24 06:00:00 UTC",
        **more,
    }
    return "".join(f"{key}={value}\n" for key, value in said.items()) + "\n"


def machine(*units: str, processes: Sequence[str] = (), ports: Sequence[int] = ()) -> bytes:
    """An answer with these units, processes and listening ports."""
    lines = [*(f"Process={name}" for name in processes), *(f"Port={port:04X}" for port in ports)]
    return ("".join(units) + TCP + "\n".join(lines) + "\n").encode()


def listing(*services: Service) -> Server:
    """The server with these services."""
    return replace(SERVER, services=services)


def statuses(found: Verdict) -> dict[str, str]:
    """The status of each service, as the health document shows it."""
    return {name: one["status"] for name, one in found.details["services"].items()}


def test_a_host_on_which_all_is_well_is_healthy() -> None:
    """Debian 12 with all three running: the real unit of Postfix is taken, and nothing is wrong."""
    found = verdict(seen(captured("healthy")))
    assert found.status is Status.HEALTHY
    assert found.summary == "postfix, opendkim and dovecot run"
    assert found.details["services"]["postfix"] == {
        "status": "healthy",
        "summary": "postfix runs",
        "restarts": 0,
        "since": "2026-11-24T06:56:43+00:00",
        "unit": "postfix@-.service",
    }
    assert found.fix is None


@pytest.mark.parametrize(
    ("answer", "status", "down", "says"),
    [
        ("dovecot-stopped", "degraded", {"dovecot"}, "dovecot is down since 2026-11-24 07:48 UTC"),
        ("postfix-stopped", "degraded", {"postfix"}, "postfix is down since 2026-11-24 07:49 UTC"),
        ("master-killed", "degraded", {"postfix"}, "(postfix@-.service is deactivating, stop)"),
        ("all-stopped", "unhealthy", {"postfix", "opendkim", "dovecot"}, "inactive, dead"),
    ],
)
def test_some_down_is_degraded_and_all_down_is_unhealthy(
    answer: str, status: str, down: set[str], says: str
) -> None:
    """Each service has its own status; the server is only unhealthy when none is left."""
    found = verdict(seen(captured(answer)))
    assert found.status == status
    assert {name for name, one in statuses(found).items() if one == "unhealthy"} == down
    assert says in found.summary
    assert found.metrics[0].value == len(down)
    assert "systemctl restart" in (found.fix or "")


def test_a_critical_service_makes_the_server_unhealthy() -> None:
    """One service down is unhealthy when it is marked critical, degraded when another one is."""
    critical = replace(SERVER, services=(*THREE[:2], Service("dovecot", critical=True)))
    assert verdict(seen(captured("dovecot-stopped"), critical)).status is Status.UNHEALTHY
    assert verdict(seen(captured("opendkim-stopped"), critical)).status is Status.DEGRADED


def test_postfix_is_down_without_its_master_whatever_systemd_says() -> None:
    """A killed master shows at once, while both units are still called active."""
    alive = captured("healthy").replace(b"Process=master\n", b"")
    found = verdict(seen(alive))
    assert statuses(found)["postfix"] == "unhealthy"
    assert found.summary == (
        "postfix is down: its process `master` is gone, though systemd calls postfix@-.service active"
    )


@pytest.mark.parametrize(
    ("answer", "postfix"),
    [("debian-13", "healthy"), ("debian-13-master-killed", "unhealthy")],
)
def test_on_debian_13_postfix_has_a_unit_of_its_own_again(answer: str, postfix: str) -> None:
    """There `postfix@-` can be loaded as well, but is never started: it is not taken for Postfix."""
    found = verdict(seen(captured(answer)))
    assert statuses(found) == {"postfix": postfix, "opendkim": "healthy", "dovecot": "unhealthy"}
    assert found.details["services"]["postfix"]["unit"] == "postfix.service"


@pytest.mark.parametrize(
    ("action", "says"),
    [
        ("accept", "mail leaves unsigned, and nobody is told"),
        ("tempfail", "451 4.7.1"),
        ("shutdown", "421"),
        ("reject", "554"),
        ("quarantine", "on hold"),
    ],
)
def test_a_dead_opendkim_says_what_becomes_of_mail(action: str, says: str) -> None:
    """The consequence follows Postfix's own milter_default_action."""
    postconf = POSTCONF.replace(b"= accept", f"= {action}".encode())
    found = verdict(seen(captured("opendkim-stopped"), postconf=postconf))
    assert found.status is Status.DEGRADED
    assert says in found.summary
    assert f"(milter_default_action = {action})" in found.summary


def test_a_milters_own_action_goes_before_the_common_one() -> None:
    """`{ inet:…, default_action=tempfail }` wins over milter_default_action = accept."""
    own = b"smtpd_milters = { inet:127.0.0.1:8891, default_action=tempfail }"
    postconf = POSTCONF.replace(b"smtpd_milters = inet:127.0.0.1:8891", own)
    assert "451 4.7.1" in verdict(seen(captured("opendkim-stopped"), postconf=postconf)).summary


@pytest.mark.parametrize(
    "postconf", [None, b"", b"smtpd_milters =\nmilter_default_action = accept"]
)
def test_nothing_is_said_about_milters_that_are_not_known(postconf: bytes | None) -> None:
    """Without Postfix's answer, or without a milter, a dead OpenDKIM is just down."""
    found = verdict(seen(captured("opendkim-stopped"), postconf=postconf))
    assert found.summary == (
        "opendkim is down since 2026-11-24 07:48 UTC (opendkim.service is inactive, dead)"
    )


def test_a_missing_submission_port_is_degraded() -> None:
    """Postfix must listen on 25 and on the submission port; the missing one is named."""
    found = verdict(seen(captured("submission-missing")))
    assert found.status is Status.DEGRADED
    assert statuses(found)["postfix"] == "degraded"
    assert found.summary == "postfix runs, but nothing listens on port 587"


def test_a_server_without_submission_needs_only_port_25() -> None:
    """`submission_port` None asks for nothing more."""
    server = replace(SERVER, submission_port=None)
    assert verdict(seen(captured("submission-missing"), server)).status is Status.HEALTHY


@pytest.mark.parametrize(
    ("service", "process"),
    [("postfix", "master"), ("dovecot", "dovecot"), ("opendkim", "opendkim")],
)
def test_a_service_that_listens_nowhere_is_down(service: str, process: str) -> None:
    """Active, but its port refuses: that is no service."""
    answer = machine(unit(f"{service}.service"), processes=[process], ports=[22])
    found = verdict(seen(answer, listing(Service(service))))
    assert found.status is Status.UNHEALTHY
    assert "runs, but nothing listens on port" in found.summary


@pytest.mark.parametrize("port", [143, 993, 110, 995, 24, 4190])
def test_dovecot_needs_one_of_its_ports(port: int) -> None:
    """A server that only does LMTP or POP3 is not incomplete."""
    answer = machine(unit("dovecot.service"), processes=["dovecot"], ports=[port])
    assert verdict(seen(answer, listing(Service("dovecot")))).status is Status.HEALTHY


@pytest.mark.parametrize(
    ("extra", "milters"),
    [
        (b"Socket=/run/opendkim/opendkim.sock\n", b""),
        (b"Socket=/var/spool/postfix/signer/milter.sock\n", b"unix:signer/milter.sock"),
        (b"Port=22C0\n", b"inet:[::1]:8896"),
        (b"Port=300D\n", b""),
    ],
)
def test_opendkim_may_listen_where_postfix_looks_for_it(extra: bytes, milters: bytes) -> None:
    """A socket of its name, or a port or socket that smtpd_milters names, is enough."""
    answer = machine(unit("opendkim.service"), processes=["opendkim"]) + extra
    postconf = b"smtpd_milters = " + milters + b"\n"
    found = verdict(seen(answer, listing(Service("opendkim")), postconf=postconf))
    assert found.status is Status.HEALTHY


@pytest.mark.parametrize(
    ("ports", "status"), [((), "healthy"), ((22, 2525), "healthy"), ((2525,), "unhealthy")]
)
def test_configured_ports_go_before_the_known_ones(ports: tuple[int, ...], status: str) -> None:
    """One of the configured ports must listen; an empty list asks for none."""
    answer = machine(unit("postfix.service"), processes=["master"], ports=[22])
    found = verdict(seen(answer, listing(Service("postfix", ports=ports))))
    assert found.status == status


def test_ports_that_cannot_be_seen_are_not_missed() -> None:
    """Without /proc/net/tcp nothing is said about ports."""
    answer = machine(unit("dovecot.service"), processes=["dovecot"])
    hidden = answer.replace(b"Read=/proc/net/tcp\n", b"")
    assert verdict(seen(hidden, listing(Service("dovecot")))).status is Status.HEALTHY


def test_a_restart_by_systemd_is_told_for_15_minutes() -> None:
    """NRestarts that grows is degraded, says how often and since when, and is over after 15 minutes."""
    server = listing(Service("opendkim"))

    def sweep(restarts: int, minutes: float, before: Services | None) -> Services:
        answer = machine(
            unit("opendkim.service", NRestarts=str(restarts)),
            processes=["opendkim"],
            ports=[8891],
        )
        return seen(answer, server, before, now=NOW + timedelta(minutes=minutes))

    first = sweep(3, 0, None)
    assert verdict(first).status is Status.HEALTHY
    second = sweep(4, 1, first)
    assert verdict(second).status is Status.DEGRADED
    third = sweep(5, 2, second)
    assert verdict(third).summary == "opendkim was restarted 2 times since 2026-11-24 07:51 UTC"
    assert verdict(sweep(5, 15.9, third)).status is Status.DEGRADED
    assert verdict(sweep(5, 17, third)).status is Status.HEALTHY
    by_hand = sweep(0, 30, third)
    assert verdict(by_hand).status is Status.HEALTHY
    assert verdict(sweep(1, 31, by_hand)).summary.startswith("opendkim was restarted 1 time since")


def test_a_first_look_right_after_a_restart_tells_it() -> None:
    """Without an earlier sweep, a restarted service that started just now counts once."""
    at = datetime(2026, 11, 24, 7, 50, tzinfo=UTC)
    found = verdict(seen(captured("opendkim-restarted"), now=at))
    assert found.status is Status.DEGRADED
    assert found.summary == "opendkim was restarted 1 time since 2026-11-24 07:49 UTC"
    assert {metric.name: metric.value for metric in found.metrics}["restarts_opendkim"] == 1
    later = verdict(seen(captured("opendkim-restarted"), now=at + timedelta(hours=1)))
    assert later.status is Status.HEALTHY


def test_without_systemd_the_processes_tell() -> None:
    """A container with Postfix alone: it runs, the two others are installed and do not."""
    found = verdict(seen(captured("no-systemd")))
    assert found.status is Status.DEGRADED
    assert statuses(found) == {
        "postfix": "healthy",
        "opendkim": "unhealthy",
        "dovecot": "unhealthy",
    }
    assert "dovecot is down: its process is not there" in found.summary
    assert verdict(seen(captured("no-systemd-master-killed"))).status is Status.UNHEALTHY


def test_another_service_without_systemd_may_have_a_process_of_another_name() -> None:
    """What is not one of the three is unknown when no process has its name, and runs when one has."""
    server = listing(Service("clamav-daemon"))
    assert verdict(seen(machine(), server)).status is Status.UNKNOWN
    found = verdict(seen(machine(processes=["clamav-daemon"]), server))
    assert found.status is Status.HEALTHY


def test_hidden_processes_leave_systemd_its_word() -> None:
    """With hidepid the units alone tell; nothing is called dead since it cannot be seen."""
    hidden = captured("healthy").replace(b"Init=systemd\n", b"")
    for process in (b"master", b"dovecot", b"opendkim"):
        hidden = hidden.replace(b"Process=" + process + b"\n", b"")
    assert verdict(seen(hidden)).status is Status.HEALTHY


def test_hidden_processes_without_systemd_are_not_permitted() -> None:
    """Then nothing tells what runs, and the fix says how to look."""
    with pytest.raises(NotAnswered) as caught:
        seen(b"Read=/proc/net/tcp\nPort=0019\n")
    assert caught.value.unanswered.reason is Reason.NOT_PERMITTED
    assert "hidepid" in (caught.value.unanswered.fix or "")


@pytest.mark.parametrize("service", ["postfix", "opendkim", "nosuch"])
def test_a_listed_service_that_is_not_installed_is_down(service: str) -> None:
    """Asked for and not there is unhealthy, not left out."""
    answer = machine(unit(f"{service}.service", "inactive", LoadState="not-found"))
    found = verdict(seen(answer, listing(Service(service))))
    assert found.status is Status.UNHEALTHY
    assert found.summary.startswith(f"{service} is not installed")


def test_a_masked_unit_is_down() -> None:
    """Systemd would not even start it."""
    answer = machine(unit("dovecot.service", "inactive", LoadState="masked"))
    found = verdict(seen(answer, listing(Service("dovecot"))))
    assert found.summary == "dovecot is down: dovecot.service is masked"


@pytest.mark.parametrize("active", ["activating", "deactivating", "failed", "inactive", ""])
def test_only_active_units_run(active: str) -> None:
    """A unit between two crashes (`activating`) does not serve anybody."""
    found = verdict(seen(machine(unit("rspamd.service", active)), listing(Service("rspamd"))))
    assert found.status is Status.UNHEALTHY


@pytest.mark.parametrize("active", ["active", "reloading", "refreshing"])
def test_a_unit_that_reloads_runs(active: str) -> None:
    """Reloading is no outage."""
    found = verdict(seen(machine(unit("rspamd.service", active)), listing(Service("rspamd"))))
    assert found.status is Status.HEALTHY


def test_a_unit_is_found_by_its_alias_and_by_configuration() -> None:
    """`mysql` is mariadb.service's other name; `unit` names any other."""
    alias = machine(unit("mariadb.service", Names="mysql.service mariadb.service"))
    assert verdict(seen(alias, listing(Service("mysql")))).status is Status.HEALTHY
    named = listing(Service("filter", unit="rspamd.service"))
    assert verdict(seen(machine(unit("rspamd.service")), named)).status is Status.HEALTHY


def test_a_daemon_started_by_hand_runs_and_is_told() -> None:
    """The process counts, and that systemd did not start it is said."""
    answer = machine(unit("dovecot.service", "inactive"), processes=["dovecot"], ports=[993])
    found = verdict(seen(answer, listing(Service("dovecot"))))
    assert found.status is Status.HEALTHY
    assert found.summary == "dovecot (not under systemd) runs"


AUTO = replace(SERVER, services=None)


def test_without_a_list_only_what_is_installed_takes_part() -> None:
    """OpenDKIM is not there and Dovecot is switched off: neither is missed."""
    answer = machine(
        unit("postfix.service"),
        unit("opendkim.service", "inactive", LoadState="not-found"),
        unit("dovecot.service", "inactive", UnitFileState="disabled"),
        processes=["master"],
        ports=[25, 587],
    )
    assert statuses(verdict(seen(answer, AUTO))) == {"postfix": "healthy"}


def test_without_a_list_an_enabled_service_that_stopped_is_missed() -> None:
    """Enabled and dead is an outage, also when nobody listed it."""
    assert statuses(verdict(seen(captured("dovecot-stopped"), AUTO)))["dovecot"] == "unhealthy"


def test_without_a_list_and_without_systemd_installed_programs_are_missed() -> None:
    """A killed master in a container is down, since its program is still there."""
    found = verdict(seen(captured("no-systemd-master-killed"), AUTO))
    assert statuses(found)["postfix"] == "unhealthy"


def test_a_machine_without_any_of_the_three_takes_no_part() -> None:
    """Nothing is unhealthy because it was never installed."""
    absent = machine(unit("postfix.service", "inactive", LoadState="not-found"))
    with pytest.raises(DoesNotApply, match="none of postfix, dovecot, opendkim is installed here"):
        seen(absent, AUTO)


@pytest.mark.parametrize(
    ("role", "services", "applies"),
    [
        ("mail", None, True),
        ("mail", (), False),
        ("api", None, False),
        ("freeswitch", (Service("freeswitch"),), True),
    ],
)
def test_other_roles_take_part_when_services_are_listed(
    role: str, services: tuple[Service, ...] | None, applies: bool
) -> None:
    """A mail server always does, unless its list is empty."""
    server = replace(SERVER, role=role, services=services)
    assert (CHECK.applies(server) is None) is applies


def test_names_from_the_configuration_are_quoted() -> None:
    """A service name with shell characters stays one word, in the script and in the advice."""
    server = listing(Service("a'; touch /tmp/owned; '"))
    (request, _) = CHECK.ask(server, None)
    assert "'a'\"'\"'; touch /tmp/owned; '\"'\"''" in request.script
    dead = unit("a;b.service", "inactive")
    found = verdict(seen(machine(dead), listing(Service("a;b"))))
    assert found.fix == "journalctl -u 'a;b.service' -n 50; systemctl restart 'a;b.service'"


@pytest.mark.parametrize("output", [b"", b"\xff\xfe\x00garbage", b"Id=\nNames=\n"])
def test_an_answer_that_tells_nothing_is_garbled(output: bytes) -> None:
    """Neither units nor processes: nothing is known, and nothing is called down."""
    with pytest.raises(GarbledAnswer):
        seen(output)


@pytest.mark.parametrize(
    "text", ["", "n/a", "Tue 2026-13-45 99:99:99 UTC", "Tue 2026-11-24 06:49:24 CET"]
)
def test_a_moment_that_is_none_is_not_known(text: str) -> None:
    """`since` is None for a unit that never ran or a date that does not exist."""
    answer = machine(unit("rspamd.service", ActiveEnterTimestamp=text))
    found = verdict(seen(answer, listing(Service("rspamd"))))
    assert found.details["services"]["rspamd"]["since"] is None


WORDS = st.sampled_from(
    [
        *("Id=postfix.service", "Id=", "NRestarts=99999999999999999999", "NRestarts=-1", "\n"),
        *("LoadState=loaded", "ActiveState=active", "Type=oneshot", "Init=x", "Process=master"),
        *("Read=x", "Port=FFFF", "Port=0x1", "Socket=", "Names=opendkim.service", "="),
        *("StateChangeTimestamp=Tue 0000-00-00 00:00:00 UTC", "Program=postconf", "\x00\xff"),
    ]
)


@given(
    st.binary(max_size=300) | st.lists(WORDS).map(lambda w: "\n".join(w).encode()), st.booleans()
)
def test_no_answer_breaks_the_check(output: bytes, listed: bool) -> None:
    """Whatever a server writes, it is read and judged, or refused in one of the three known ways."""
    server = SERVER if listed else AUTO
    try:
        once = seen(output, server, postconf=output)
        again = seen(output, server, once, postconf=output)
    except (NotAnswered, GarbledAnswer, DoesNotApply):
        return
    assert isinstance(verdict(again).status, Status)


def test_the_list_of_ipv6_is_read_only_when_a_port_is_missing() -> None:
    """A server all of whose ports listen on IPv4 is not asked twice; one of which none does is."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        there = one.getsockname()[1]
        assert "/proc/net/tcp6" not in reads(Service("x", ports=(there,)))
        assert "/proc/net/tcp6" not in reads(Service("x", ports=(1, there)))
        assert "/proc/net/tcp6" in reads(Service("x", ports=(1,)))
        assert "/proc/net/tcp6" in reads(Service("x", ports=(there,)), Service("y", ports=(1,)))


def reads(*services: Service) -> set[str]:
    """The lists of sockets that the script reads on this machine."""
    (request, _) = CHECK.ask(listing(*services), None)
    done = subprocess.run(["sh", "-c", request.script], capture_output=True, check=True, timeout=60)
    lines = done.stdout.decode().splitlines()
    return {line.removeprefix("Read=") for line in lines if line.startswith("Read=")}


@pytest.mark.parametrize("shell", [("sh",), ("bash",)])
def test_the_script_runs_here(shell: tuple[str, ...]) -> None:
    """On the machine of the test it finds processes and ports, and prints nothing but what is read."""
    (request, _) = CHECK.ask(SERVER, None)
    done = subprocess.run(
        [*shell, "-c", request.script], capture_output=True, check=True, timeout=60
    )
    lines = done.stdout.decode().splitlines()
    assert any(line.startswith("Init=") for line in lines)
    assert any(line.startswith("Read=/proc/net/tcp") for line in lines)
    assert all("=" in line for line in lines if line)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a PID namespace")
@pytest.mark.parametrize(("services", "counts"), [(None, False), (THREE, True)])
def test_a_process_in_a_container_is_not_the_machines_own(
    tmp_path: Path, services: tuple[Service, ...] | None, counts: bool
) -> None:
    """Where we look for what is installed it does not count; a listed service may run in a container."""
    program = tmp_path / "dovecot"
    shutil.copy("/bin/sleep", program)
    inside = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", program, "60"])
    (request, _) = CHECK.ask(replace(SERVER, services=services), None)
    try:
        assert ("Process=dovecot" in script_output(request.script, program)) is counts
    finally:
        inside.kill()
        inside.wait()


def script_output(script: str, program: Path) -> list[str]:
    """What the script prints once the program runs, taking our own processes for all that there are."""
    mine = f"/proc/{running(program)}/comm"
    asked = script.replace("/proc/[0-9]*/comm", mine)
    done = subprocess.run(["sh", "-c", asked], capture_output=True, check=True, timeout=60)
    return done.stdout.decode().splitlines()


def running(program: Path) -> str:
    """The number of the process that runs the program."""
    for _ in range(500):
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (folder / "cmdline").read_bytes().startswith(f"{program}\0".encode()):
                    return folder.name
        time.sleep(0.01)
    pytest.fail(f"{program} does not run")
