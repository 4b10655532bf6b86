"""`mailvane explain`: the runbook, the limits in force, the questions and the rights."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mailvane.core.check import Check
from mailvane.core.errors import Problem, SettingsError
from mailvane.core.request import Right, ShellCommand, SqlQuery, StartTls, TcpConnect, TlsHandshake
from mailvane.core.secret import Secret
from mailvane.core.threshold import falling, rising

Make = Callable[..., Any]

WHOLE = """\
# queue: Mail queue

How many messages wait?

**What to do.** `postqueue -p`

Limits:
  messages          degraded from 100, unhealthy above 500        a peer
  age               degraded below 10 min, unhealthy below 5 min
  messages of mx-2  degraded from 7, unhealthy above 500          a peer

Asks, with mail-va as the example:
  runs on the server, for at most 8 s:
      $as_root find /var/spool |
        wc -l
  connects to 192.0.2.25: the port it is reached by, 587
  shakes hands over TLS with 192.0.2.25 port 587 (smtp) and expects a certificate for mx.test
  asks the database:
      select 1

Needs as root (see `mailvane access`):
  find 'a b'
    without it nothing is counted
"""


def _check(name: str = "queue", why: str | None = None) -> Check[None]:
    asked = (
        ShellCommand(
            "$as_root find /var/spool |\n  wc -l", Right(("find", "a b"), "nothing is counted")
        ),
        TcpConnect("192.0.2.25", (587,)),
        TlsHandshake("192.0.2.25", 587, "mx.test", StartTls.SMTP),
        SqlQuery(Secret("postgresql://m:hunter2@db/x"), "select 1"),
    )
    return Check(
        name=name,
        title="Mail queue",
        ask=lambda _server, _before: asked,
        read=lambda _server, _answers, _before: None,
        judge=lambda _observation, _limits: (),
        applies=lambda _server: why,
        limits={"messages": rising(100, 500, source="a peer"), "age": falling(10, 5, " min")},
        runbook="How many messages wait?\n\n**What to do.** `postqueue -p`",
    )


@pytest.fixture
def fake(troubled: Any, server: Make) -> Any:
    """Two servers, one with a limit of its own, and one check."""
    other = server("mx-2", limits={"queue": {"messages": {"degraded": 7}}})
    return replace(troubled, servers=(server(), other), checks=(_check(),))


def test_the_whole_output(run: Make, fake: Any) -> None:
    """Runbook, limits with those of single servers, questions and rights; nothing secret."""
    ran = run(fake, "explain", "queue")
    assert (ran.stdout, ran.stderr, ran.exit_code) == (WHOLE, "", 0)


@pytest.mark.parametrize("arguments", [(), ("--list",), ("queue", "--list")])
def test_the_checks_can_be_listed(run: Make, fake: Any, arguments: tuple[str, ...]) -> None:
    """Each check with its title, a line each."""
    listed = replace(fake, checks=(_check(), _check("disk-space")))
    ran = run(listed, "explain", *arguments)
    assert ran.stdout == "queue       Mail queue\ndisk-space  Mail queue\n"


def test_a_mistyped_check_is_guessed(run: Make, fake: Any) -> None:
    """An unknown check is an error with the nearest name and all names."""
    ran = run(fake, "explain", "queu")
    assert (ran.stdout, ran.exit_code) == ("", 1)
    assert ran.stderr == (
        "there is no check named 'queu'; did you mean queue?\nthe checks are: queue\n"
    )


def test_a_wrong_configuration_does_not_silence_it(run: Make, fake: Any) -> None:
    """At the worst moment the runbook is still there, with the default limits."""
    fake.error = SettingsError([Problem("mailvane.yaml:1", "", "broken")])
    ran = run(fake, "explain", "queue")
    assert ran.exit_code == 0
    assert "How many messages wait?" in ran.stdout
    assert "  messages  degraded from 100, unhealthy above 500" in ran.stdout
    assert "No server to ask." in ran.stdout


def test_a_check_that_applies_nowhere_says_so(run: Make, fake: Any) -> None:
    """Without a server to ask, no question and no right is shown."""
    ran = run(replace(fake, checks=(_check(why="no database"),)), "explain", "queue")
    assert "Applies to none of the configured servers." in ran.stdout
    assert "Needs no right beyond a login." in ran.stdout


def test_on_a_terminal_the_runbook_is_set(run: Make, fake: Any) -> None:
    """On a terminal Markdown is rendered: its marks are gone."""
    env = {"FORCE_COLOR": "1", "TERM": "xterm"}
    shown = run(fake, "explain", "queue", env=env, color=True).stdout
    assert "**What to do.**" not in shown
    assert "What to do." in shown


def test_a_long_script_is_shown_on_demand(run: Make, fake: Any) -> None:
    """Of a long script the first lines are shown, with `--scripts` all of it."""
    script = "\n".join(f"echo {n}" for n in range(100))
    long = replace(_check(), ask=lambda _server, _before: (ShellCommand(script),))
    short = run(replace(fake, checks=(long,)), "explain", "queue").stdout
    assert "echo 3\n" in short
    assert "echo 4\n" not in short
    assert "(96 more lines: --scripts shows them)\n" in short
    assert "echo 99\n" in run(replace(fake, checks=(long,)), "explain", "queue", "--scripts").stdout
