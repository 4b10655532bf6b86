"""`mailvane check`, as people, programs and monitoring systems see it."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailvane.api import models
from mailvane.core.errors import Problem, SettingsError, StoreUnavailable
from mailvane.core.result import Metric
from mailvane.core.status import Status

Make = Callable[..., Any]

TROUBLED = """\
▲ mail-va degraded  (mail-va.example.com, 2025-01-12 18:30:00 UTC in 0.4 s)
  ▲ degraded   queue             150 messages queued (degraded from 100, unhealthy above 500)
      | 120 x connect to defer.test[192.0.2.4]:25: Connection refused
      → postqueue -p | less
  ? unknown    log               cannot read /var/log/mail.log (root:adm 0640) as monitor
      → usermod -aG adm monitor
  ● healthy    instance          192.0.2.25 answers on port 22
  ● healthy    services postfix  postfix runs
  not applicable: delivery (no database is configured); opendkim, dovecot (not installed)

▲ degraded: 1 server, 1 degraded
"""

MANY = """\
✖ mail-3 unhealthy  (mail-3.example.com, 2025-01-12 18:30:00 UTC in 0.4 s)
  ✖ unhealthy  instance  192.0.2.25 is unreachable
  not asked, since the machine is down: queue, log

✖ unhealthy: 4 servers, 1 unhealthy, 3 healthy
"""


@pytest.fixture
def many(server: Make, result: Make, report: Make, troubled: Any) -> Any:
    """Three healthy servers, and one that is down."""
    well = {
        f"mail-{n}": report(f"mail-{n}", result("instance", "healthy", "answers"))
        for n in (1, 2, 4)
    }
    down = result("instance", "unhealthy", "192.0.2.25 is unreachable")
    reports = {**well, "mail-3": report("mail-3", down, not_asked=("queue", "log"))}
    servers = tuple(server(name) for name in sorted(reports))
    return replace(troubled, reports=reports, servers=servers)


def test_the_whole_console_output(run: Make, troubled: Any) -> None:
    """Problems come first, each with its fix; what does not apply takes one line; the sum is last."""
    ran = run(troubled, "check")
    assert (ran.stdout, ran.stderr, ran.exit_code) == (TROUBLED, "", 1)


def test_what_several_checks_say_alike_is_said_once(
    run: Make, troubled: Any, result: Make, report: Make
) -> None:
    """A server that lets us not in has one problem, not one for each check."""
    silent = [
        result(check, "unknown", "the login was refused", fix="ssh x", item=item)
        for check, item in (("queue", ""), ("disk", "/"), ("disk", "/var"))
    ]
    told = report("mail-va", result("instance", "healthy", "answers"), *silent)
    troubled.reports["mail-va"] = told
    assert run(troubled, "check").stdout == (
        "? mail-va unknown  (mail-va.example.com, 2025-01-12 18:30:00 UTC in 0.4 s)\n"
        "  ? unknown    3 results  the login was refused\n"
        "      queue, disk /, disk /var\n"
        "      → ssh x\n"
        "  ● healthy    instance   answers\n"
        "\n"
        "? unknown: 1 server, 1 unknown\n"
    )
    assert run(troubled, "check", "--plugin").stdout == (
        "MAILVANE UNKNOWN - mail-va: the login was refused\n"
    )


def test_of_many_servers_only_the_troubled_are_shown(run: Make, many: Any) -> None:
    """With more than three servers the healthy ones are only counted."""
    ran = run(many, "check")
    assert (ran.stdout, ran.exit_code) == (MANY, 2)


def test_all_shows_the_healthy_ones_too(run: Make, many: Any) -> None:
    """`--all` shows every server in full."""
    heads = [
        line for line in run(many, "check", "--all").stdout.splitlines() if "example.com" in line
    ]
    assert [line.split()[1] for line in heads] == ["mail-1", "mail-2", "mail-3", "mail-4"]


def test_named_servers_are_asked_alone_and_in_that_order(run: Make, many: Any) -> None:
    """Only what is named is asked, once each, and three are shown in full."""
    ran = run(many, "check", "mail-4", "mail-1", "mail-4")
    assert [line.split()[1] for line in ran.stdout.splitlines() if "example" in line] == [
        "mail-4",
        "mail-1",
    ]
    assert ran.stdout.endswith("● healthy: 2 servers, 2 healthy\n")


@pytest.mark.parametrize(
    ("status", "code"), [("healthy", 0), ("degraded", 1), ("unhealthy", 2), ("unknown", 3)]
)
@pytest.mark.parametrize("form", [(), ("--json",), ("--plugin",)])
def test_exit_statuses_are_those_of_monitoring_plugins(
    run: Make,
    troubled: Any,
    result: Make,
    report: Make,
    status: str,
    code: int,
    form: tuple[str, ...],
) -> None:
    """0 healthy, 1 degraded, 2 unhealthy, 3 unknown, in every form."""
    troubled.reports["mail-va"] = report("mail-va", result("queue", status, "as it is"))
    assert run(troubled, "check", *form).exit_code == code


def test_a_server_of_which_nothing_is_known_is_unknown(
    run: Make, troubled: Any, report: Make
) -> None:
    """A report without a single result exits with 3, never with 0."""
    troubled.reports["mail-va"] = report("mail-va")
    assert run(troubled, "check").exit_code == 3


def test_an_unknown_name_is_told_before_anything_is_asked(run: Make, many: Any) -> None:
    """A name that is not configured is an error with the nearest name, and exit status 3."""
    many.sweep = pytest.fail
    ran = run(many, "check", "mial-3")
    assert (ran.stdout, ran.exit_code) == ("", 3)
    assert ran.stderr == (
        "there is no server named 'mial-3'; did you mean mail-3?\n"
        "the servers are: mail-1, mail-2, mail-3, mail-4\n"
    )


def test_no_server_is_no_good_news(run: Make, troubled: Any) -> None:
    """With no server configured the answer is 3 and how to add one."""
    troubled.servers = ()
    ran = run(troubled, "check")
    assert (ran.stdout, ran.exit_code) == ("", 3)
    assert ran.stderr == "no server is configured; add one with: mailvane add user@host\n"


def test_a_wrong_configuration_shows_every_problem(run: Make, troubled: Any) -> None:
    """One line for each problem on standard error, exit status 3, nothing on standard output."""
    troubled.error = SettingsError(
        [
            Problem("mailvane.yaml:3", "servers[0].hostname", "expected a host name"),
            Problem("mailvane.yaml:9", "", "unknown key"),
        ]
    )
    ran = run(troubled, "check", "--plugin")
    assert (ran.stdout, ran.exit_code) == ("", 3)
    assert ran.stderr == (
        "mailvane.yaml:3: servers[0].hostname: expected a host name\nmailvane.yaml:9: unknown key\n"
    )


def test_a_database_that_is_away_is_a_sentence(run: Make, troubled: Any) -> None:
    """What Mailvane cannot do is said without a traceback."""
    troubled.error = StoreUnavailable("the database postgresql://m:hunter2@db/x does not answer")
    ran = run(troubled, "check")
    assert (ran.exit_code, ran.stderr) == (
        3,
        "the database postgresql://m:***@db/x does not answer\n",
    )


@pytest.mark.parametrize("wrong", [("--bogus",), ("--timeout", "x"), ("--json", "--plugin")])
def test_a_wrong_call_says_nothing_about_the_servers(
    run: Make, troubled: Any, wrong: tuple[str, ...]
) -> None:
    """A mistyped option exits with 3: the usual 2 would read as unhealthy."""
    assert run(troubled, "check", *wrong).exit_code == 3


async def _never(server: Make) -> None:
    await asyncio.Event().wait()


def test_a_server_that_never_answers_is_unknown(run: Make, troubled: Any) -> None:
    """After `--timeout` the server is unknown, with the reason and what to try."""
    troubled.sweep = _never
    ran = run(troubled, "check", "--timeout", "1")
    assert ran.exit_code == 3
    assert "? unknown    sweep  no report within 1 s\n" in ran.stdout
    assert "→ mailvane check mail-va --timeout 2\n" in ran.stdout


def test_the_slow_does_not_hide_the_others(run: Make, many: Any) -> None:
    """One server that hangs leaves the reports of the others as they are."""

    async def sweep(server: Make):  # noqa: ANN202
        return await _never(server) if server.name == "mail-2" else many.reports[server.name]

    many.sweep = sweep
    ran = run(many, "check", "--timeout", "1")
    assert ran.stdout.endswith("✖ unhealthy: 4 servers, 1 unhealthy, 1 unknown, 2 healthy\n")


def test_what_a_server_wrote_cannot_steer_the_terminal(
    run: Make, troubled: Any, result: Make, report: Make
) -> None:
    """Escape sequences, line ends and markup from a server are shown, not obeyed."""
    hostile = "\x1b[2J[bold red]\rhealthy[/]\nroot\u202e ok"
    troubled.reports["mail-va"] = report(
        "mail-va",
        result("log", "degraded", hostile, item=hostile, evidence=(hostile,), fix=hostile),
    )
    ran = run(troubled, "check", color=True)
    shown = "\N{REPLACEMENT CHARACTER}[2J[bold red]\N{REPLACEMENT CHARACTER}healthy[/] root"
    assert not set(ran.stdout) & {"\x1b", "\r", "\u202e"}
    assert ran.stdout.count(shown) == 4
    assert len(ran.stdout.splitlines()) == 6


def test_colour_goes_to_a_terminal_only(run: Make, troubled: Any) -> None:
    """A pipe gets none; FORCE_COLOR asks for it; NO_COLOR has the last word."""
    assert "\x1b[" not in run(troubled, "check").stdout
    forced = run(troubled, "check", env={"FORCE_COLOR": "1", "TERM": "xterm"}, color=True).stdout
    assert "\x1b[33m▲ degraded" in forced
    env = {"FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "xterm"}
    assert "\x1b[3" not in run(troubled, "check", env=env, color=True).stdout


def test_a_terminal_without_unicode_still_tells_healthy_from_unknown(
    run: Make, troubled: Any
) -> None:
    """Where the shapes cannot be written, letters stand in for them; no status looks like another."""
    ran = run(troubled, "check", charset="ascii")
    assert "! mail-va degraded" in ran.stdout
    assert "  o healthy    instance" in ran.stdout
    assert "  ? unknown    log" in ran.stdout


def test_the_json_document_is_stable(run: Make, troubled: Any) -> None:
    """The health document of these servers, with every report in full."""
    ran = run(troubled, "check", "--json")
    said = json.loads(ran.stdout)
    assert (said["status"], said["timestamp"]) == ("degraded", "2025-01-12T18:30:00.000Z")
    assert list(said) == [
        *("status", "timestamp", "overview", "components", "regions", "reports"),
    ]
    assert list(said["components"]) == ["mailServer", "mailServers"]
    assert said["components"]["mailServer"]["queue"] == 150
    (report,) = said["reports"]
    assert {key: report[key] for key in report if key != "results"} == {
        "name": "mail-va",
        "role": "mail",
        "hostname": "mail-va.example.com",
        "address": None,
        "private_address": None,
        "region": None,
        "zone": None,
        "instance_id": None,
        "status": "degraded",
        "observed_at": "2025-01-12T18:30:00.000Z",
        "age_seconds": 0.0,
        "stale": False,
        "duration_seconds": 0.412,
        "not_applicable": [
            {"check": "delivery", "title": "delivery", "why": "no database is configured"},
            {"check": "opendkim", "title": "opendkim", "why": "not installed"},
            {"check": "dovecot", "title": "dovecot", "why": "not installed"},
        ],
        "not_asked": [],
    }
    assert report["results"][2] == {
        "check": "queue",
        "title": "queue",
        "item": "",
        "status": "degraded",
        "summary": "150 messages queued (degraded from 100, unhealthy above 500)",
        "observed_at": "2025-01-12T18:30:00.000Z",
        "metrics": [
            {
                "name": "queue_messages",
                "value": 150,
                "degraded": {"compare": "from", "value": 100},
                "unhealthy": {"compare": "above", "value": 500},
            }
        ],
        "details": {},
        "evidence": ["120 x connect to defer.test[192.0.2.4]:25: Connection refused"],
        "limits": "(degraded from 100, unhealthy above 500)",
        "fix": "postqueue -p | less",
        "reason": None,
    }


def test_reports_have_the_keys_of_the_api(run: Make, troubled: Any) -> None:
    """What reads `GET /api/v1/servers/NAME` reads a report of `check --json` too."""
    (report,) = json.loads(run(troubled, "check", "--json").stdout)["reports"]
    assert list(report) == list(models.ServerReport.model_fields)
    known = [name for name in models.ResultModel.model_fields if name != "runbook"]
    assert list(report["results"][0]) == known
    assert list(report["results"][0]["metrics"][0]) == list(models.MetricModel.model_fields)


def test_what_is_not_known_is_null(run: Make, troubled: Any, result: Make, report: Make) -> None:
    """A number that is not known, or is none, is null in the JSON, never 0 and never NaN."""
    metrics = (Metric("a", None), Metric("b", float("nan")), Metric("c", float("inf")))
    troubled.reports["mail-va"] = report(
        "mail-va", result("queue", "unknown", "no answer", metrics=metrics)
    )
    said = json.loads(run(troubled, "check", "--json").stdout)
    (told,) = said["reports"][0]["results"]
    assert [metric["value"] for metric in told["metrics"]] == [None, None, None]
    assert said["components"]["mailServer"]["queue"] is None


def test_the_clock_is_aware_and_utc() -> None:
    """Without a test's clock the time is the real one, in UTC."""
    from mailvane.cli.command import Called

    assert abs(Called().clock() - datetime.now(UTC)).total_seconds() < 60
    assert Called().clock().tzinfo is UTC


def test_global_options_are_understood_after_the_command(
    run: Make, troubled: Any, tmp_path: Path
) -> None:
    """`mailvane check --config FILE` is the same as `mailvane --config FILE check`."""
    run(troubled, "check", "-c", str(tmp_path / "a.yaml"), "mail-va", f"--state={tmp_path}")
    assert troubled.loaded == [(tmp_path / "a.yaml", tmp_path)]


def test_every_status_has_an_exit_status() -> None:
    """No status is left out of the mapping."""
    from mailvane.cli.check import EXIT

    assert sorted(EXIT) == sorted(Status)
