r"""A check written in a few lines of YAML: a command, and what to expect or a number with limits.

    checks:
      - name: relay-host
        command: postconf -h relayhost
        expect: '\[smtp\.relay\.example\]:587'
      - name: maildirs
        command: du -s --block-size=1M /var/vmail | cut -f1
        number: {degraded: 20000, unhealthy: 30000, unit: MiB}

The command is one for the server's `sh`, written by whoever writes the configuration, and runs with our
user's rights. What it prints is judged without the space around it; what it ends with is shown.
Output above 8 KiB is not judged: a pattern with many ways to match would take minutes to find none.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from mailvane.core.check import Check
from mailvane.core.errors import GarbledAnswer, NotAnswered
from mailvane.core.request import ShellCommand
from mailvane.core.response import Answers, Reason, Unanswered
from mailvane.core.result import Metric, Verdict
from mailvane.core.server import CustomCheck, Server
from mailvane.core.status import Status
from mailvane.core.threshold import Bound, Compare, Limits, Threshold

OUTPUT_LIMIT_BYTES = 8192
SHOWN = 120
NOT_FOUND = 127


@dataclass(frozen=True, slots=True)
class Said:
    """What the command printed, and the number in it where one is expected."""

    text: str
    exit_status: int
    number: float | None = None


def custom_check(wanted: CustomCheck) -> Check[Said]:
    """The check that the configuration describes; raises `re.error` when `expect` is no pattern."""
    command = ShellCommand(
        wanted.command,
        timeout_seconds=wanted.timeout_seconds,
        output_limit_bytes=OUTPUT_LIMIT_BYTES,
    )
    pattern = None if wanted.expect is None else re.compile(wanted.expect, re.DOTALL)

    def ask(server: Server, before: Said | None) -> Iterable[ShellCommand]:
        del server, before
        return (command,)

    def read(server: Server, answers: Answers, before: Said | None) -> Said:
        del server, before
        return _read(wanted, answers, command)

    def judge(said: Said, limits: Limits) -> Iterable[Verdict]:
        yield _matched(wanted, said, pattern) if pattern else _measured(wanted, said, limits)

    return Check[Said](
        name=wanted.name,
        title=wanted.title or wanted.name,
        ask=ask,
        read=read,
        judge=judge,
        limits={} if pattern else {"value": _threshold(wanted)},
        runbook=wanted.runbook or f"Written in the configuration. It runs `{wanted.command}`.",
    )


def _threshold(wanted: CustomCheck) -> Threshold:
    """More is worse unless `falling`; the limits as everywhere else: from the first, above the second."""
    first, second = (
        (Compare.BELOW, Compare.BELOW) if wanted.falling else (Compare.AT_LEAST, Compare.ABOVE)
    )
    unit = wanted.unit.strip()
    return Threshold(
        degraded=None if wanted.degraded is None else Bound(first, wanted.degraded),
        unhealthy=None if wanted.unhealthy is None else Bound(second, wanted.unhealthy),
        unit=f" {unit}" if unit else "",
    )


def _read(wanted: CustomCheck, answers: Answers, command: ShellCommand) -> Said:
    """What was printed; raises when the command is not there, or not a number where one is expected."""
    output = answers[command]
    error = output.error.decode(errors="replace").strip()
    if output.truncated:
        raise GarbledAnswer(f"expected at most 8 KiB from `{wanted.command}`, found more")
    if output.status == NOT_FOUND:
        detail = f"`{wanted.command}` found no such command: {error[:SHOWN]}"
        raise NotAnswered(
            Unanswered(Reason.NOT_FOUND, detail, "install it, or correct the command")
        )
    text = output.output.decode(errors="replace").strip()
    if wanted.expect is not None:
        return Said(text, output.status)
    if output.status:
        raise GarbledAnswer(
            f"expected a number from `{wanted.command}`, found exit status {output.status}: "
            f"{(error or text)[:SHOWN]!r}"
        )
    return Said(text, output.status, _number(wanted, text))


def _number(wanted: CustomCheck, text: str) -> float:
    """The number that the output begins with, such as in `12`, `-0.5` or `97 %`."""
    found = re.match(r"[-+]?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][-+]?[0-9]{1,3})?(?=\s|%|$)", text)
    number = float(found[0]) if found else math.nan
    if not math.isfinite(number):
        raise GarbledAnswer(f"expected a number from `{wanted.command}`, found {text[:SHOWN]!r}")
    return number


def _matched(wanted: CustomCheck, said: Said, pattern: re.Pattern[str]) -> Verdict:
    """The whole output against the pattern, whatever the command ended with."""
    matches = pattern.fullmatch(said.text) is not None
    shown = f"`{said.text[:SHOWN]}`" if said.text else "nothing"
    ended = f" (exit status {said.exit_status})" if said.exit_status else ""
    return Verdict(
        status=Status.HEALTHY if matches else Status(wanted.otherwise),
        summary=f"{shown}{ended}, as expected"
        if matches
        else f"expected `{wanted.expect}`, found {shown}{ended}",
        details={"exit_status": said.exit_status},
        evidence=tuple(said.text.splitlines()),
    )


def _measured(wanted: CustomCheck, said: Said, limits: Limits) -> Verdict:
    """The number against its limits."""
    limit = limits["value"]
    number = said.number if said.number is not None else math.nan
    name = re.sub(r"[^a-z0-9]+", "_", wanted.name.lower())
    return Verdict(
        status=limit.judge(number),
        summary=f"{number:g}{limit.unit} {limit}".strip(),
        metrics=(Metric(name, said.number, limit),),
        evidence=tuple(said.text.splitlines()[1:]),
        limits=str(limit),
    )
