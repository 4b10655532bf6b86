"""How checks stand on a server: granted, in part, or lost."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from mailvane.cli.trial import FACTS, Facts, facts, told, tried
from mailvane.core.check import Check
from mailvane.core.request import Right, ShellCommand, ShellOutput
from mailvane.core.response import Answered, Reason, Unanswered
from mailvane.core.result import NotApplicable
from mailvane.core.server import Server

Make = Callable[..., Any]
RIGHT = Right(("/usr/bin/find", "/var/spool"), "the age of mails is not known")


@dataclass
class World:
    """Implements Joined with one report, one answer, and the rights that sudo grants."""

    report: Any = None
    answer: Any = None
    grants: Any = True
    sent: list[Any] = field(default_factory=list)

    @property
    def ssh(self) -> "World":
        """Also its own SSH transport."""
        return self

    @property
    def transport(self) -> "World":
        """Also its own router."""
        return self

    async def sweep(self, server: Server) -> Any:
        """The report."""
        del server
        return self.report

    async def granted(self, server: Server, right: Right) -> Any:
        """What sudo says."""
        del server, right
        return self.grants

    async def send(self, server: Server, requests: Any) -> Any:
        """The one answer, for every request."""
        del server
        return dict.fromkeys(requests, self.answer)


def _check(name: str) -> Check[None]:
    return Check(
        name=name,
        title=name,
        ask=lambda _server, _before: (ShellCommand(name, RIGHT),),
        read=lambda _server, _answers, _before: None,
        judge=lambda _observation, _limits: (),
    )


async def _table(world: World, server: Server) -> str:
    trial = await tried(world, server, [_check("queue"), _check("log")])
    return "".join(f"{row.plain}\n" for row in told(trial))


async def test_what_is_lost_comes_with_its_fix(server: Make, result: Make, report: Make) -> None:
    """A check without any answer is lost, one with some works in part, each with what to do."""
    world = World(
        report(
            "mail-va",
            result("queue", "degraded", "150 messages"),
            result("log", "unknown", "cannot read it", fix="usermod -aG adm monitor"),
            result("disk", "healthy", "/ is fine", item="/"),
            result("disk", "unknown", "/srv is not there", item="/srv"),
            not_applicable=(NotApplicable("delivery", "no database"),),
        )
    )
    assert await _table(world, server()) == (
        "  ● works    queue\n"
        "  ✖ lost     log    cannot read it\n"
        "      → usermod -aG adm monitor\n"
        "  ▲ in part  disk   /srv is not there\n"
        "  - delivery: no database\n"
    )


async def test_a_refused_right_shows_though_the_check_found_another_way(
    server: Make, result: Make, report: Make
) -> None:
    """A check that can do without is told as working in part, with what it loses."""
    world = World(report("mail-va", result("queue", "healthy", "empty")), grants=False)
    assert await _table(world, server()) == (
        "  ▲ in part  queue  sudo refuses /usr/bin/find: without it the age of mails is not known\n"
        "      → mailvane access mail-va --only sudoers\n"
    )


@pytest.mark.parametrize("grants", [True, Unanswered(Reason.TIMEOUT, "no answer")])
async def test_only_a_no_is_a_no(server: Make, result: Make, report: Make, grants: Any) -> None:
    """A right that sudo grants or says nothing about is not called refused."""
    world = World(report("mail-va", result("queue", "healthy", "empty")), grants=grants)
    assert await _table(world, server()) == "  ● works  queue\n"


async def test_the_facts_are_read(server: Make) -> None:
    """User, hostname, missing tools, init and the difference of the clocks."""
    ahead = int(datetime.now(UTC).timestamp()) + 100
    output = (
        f"now {ahead}\nuser monitor\nhostname mx1.test\nmissing awk\nmissing stat\ninit other\n"
    )
    answer = Answered(ShellOutput(0, output.encode(), b""), datetime.now(UTC))
    found = await facts(World(answer=answer), server())
    assert found == Facts("monitor", "mx1.test", ("awk", "stat"), False, found.skew_seconds)
    assert 95 < found.skew_seconds < 105


@pytest.mark.parametrize("output", [b"", b"\xff\x00\n", b"now\nuser", b"now x\nmissing\n"])
async def test_garbage_is_no_fact(server: Make, output: bytes) -> None:
    """What cannot be read is empty; nothing is made up and nothing breaks."""
    answer = Answered(ShellOutput(0, output, b""), datetime.now(UTC))
    found = await facts(World(answer=answer), server())
    assert (found.user, found.hostname, found.missing, found.skew_seconds) == ("", "", (), 0.0)


async def test_no_answer_is_handed_on(server: Make) -> None:
    """Why the server says nothing is what the caller gets."""
    silence = Unanswered(Reason.AUTH, "refused")
    assert await facts(World(answer=silence), server()) == silence


def test_the_facts_need_a_plain_shell_only() -> None:
    """The question is POSIX sh: no bash, no right."""
    assert FACTS.right is None
    assert "[[" not in FACTS.script
