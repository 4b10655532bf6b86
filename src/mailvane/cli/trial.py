"""What works on a server: every check is asked once, every right is asked for, and what is lost is told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mailvane.cli.asked import Needed, rights_needed
from mailvane.cli.console import STYLES, columns, line, shape
from mailvane.cli.parts import Joined
from mailvane.core.check import Check
from mailvane.core.request import ShellCommand
from mailvane.core.response import Answered, Unanswered
from mailvane.core.result import Report
from mailvane.core.server import Local, Server, Ssh
from mailvane.core.status import Status, worst

if TYPE_CHECKING:
    from rich.text import Text

TOOLS = ("awk", "cut", "date", "df", "find", "grep", "head", "sed", "sort", "stat", "tail", "uniq")
"""What the scripts of the checks are made of, beside the shell itself."""
FACTS = ShellCommand(
    "printf 'now %s\\nuser %s\\nhostname %s\\n'"
    ' "$(date +%s)" "$(id -un)" "$(hostname -f 2>/dev/null || hostname)"\n'
    f"for t in {' '.join(TOOLS)}; do"
    ' command -v "$t" >/dev/null || echo "missing $t"; done\n'
    "[ -d /run/systemd/system ] && echo 'init systemd' || echo 'init other'",
    output_limit_bytes=4096,
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a server says about itself."""

    user: str
    hostname: str
    missing: tuple[str, ...]
    has_systemd: bool
    skew_seconds: float
    """How far its clock is ahead of ours; a second more or less is the way there."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a check stands: it has all that it needs (healthy), a part of it, or nothing (unhealthy)."""

    check: str
    status: Status
    told: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of asking everything once."""

    report: Report
    standings: tuple[Standing, ...]

    @property
    def status(self) -> Status:
        """The worst standing."""
        return worst([Status.HEALTHY, *(standing.status for standing in self.standings)])


async def facts(joined: Joined, server: Server) -> Facts | Unanswered:
    """What the server says about itself, or why it says nothing."""
    began = datetime.now(UTC)
    responses = await joined.transport.send(server, [FACTS])
    middle = began + (datetime.now(UTC) - began) / 2
    response = responses[FACTS]
    if not isinstance(response, Answered):
        return response
    lines = [
        text.split(" ", 1) for text in response.value.output.decode(errors="replace").splitlines()
    ]
    said = {words[0]: words[1] for words in lines if len(words) == 2}
    clock = said.get("now", "")
    return Facts(
        user=said.get("user", ""),
        hostname=said.get("hostname", ""),
        missing=tuple(words[1] for words in lines if words[0] == "missing" and len(words) == 2),
        has_systemd=said.get("init") == "systemd",
        skew_seconds=int(clock) - middle.timestamp() if clock.isdecimal() else 0.0,
    )


async def tried(joined: Joined, server: Server, checks: Sequence[Check[Any]]) -> Trial:
    """Every check asked once, and every right asked for."""
    needed = rights_needed(checks, server)
    report = await joined.sweep(server)
    refused = [entry for entry in needed if await _refuses(joined, server, entry)]
    names = list(dict.fromkeys(result.check for result in report.results))
    return Trial(report, tuple(_standing(name, report, refused) for name in names))


async def _refuses(joined: Joined, server: Server, needed: Needed) -> bool:
    """True when sudo says no; a server that does not say is told by its checks."""
    if isinstance(server.reach, Ssh):
        return await joined.ssh.granted(server, needed.right) is False
    if isinstance(server.reach, Local):
        from mailvane.transports.local import LocalTransport

        local = LocalTransport(lambda: datetime.now(UTC))
        try:
            return await local.granted(server, needed.right) is False
        finally:
            await local.close()
    return False


def _standing(check: str, report: Report, refused: Iterable[Needed]) -> Standing:
    results = report.of(check)
    unknown = [result for result in results if result.status is Status.UNKNOWN]
    if unknown:
        status = Status.UNHEALTHY if len(unknown) == len(results) else Status.DEGRADED
        return Standing(check, status, unknown[0].summary, unknown[0].fix)
    for needed in refused:
        if check in needed.checks:
            told = f"sudo refuses {needed.right.argv[0]}: without it {needed.right.loses}"
            fix = f"mailvane access {report.server} --only sudoers"
            return Standing(check, Status.DEGRADED, told, fix)
    return Standing(check, Status.HEALTHY, "")


_WORDS = {Status.HEALTHY: "works", Status.DEGRADED: "in part", Status.UNHEALTHY: "lost"}


def told(trial: Trial) -> list["Text"]:
    """A table: each check, whether it works, and for what is lost the way to get it."""
    rows = columns(
        [(_mark(entry.status), entry.check, entry.told) for entry in trial.standings], indent="  "
    )
    lines: list[Text] = []
    for entry, row in zip(trial.standings, rows, strict=True):
        lines.append(row)
        if entry.fix:
            lines.append(line(f"      → {entry.fix}"))
    lines += [
        line(f"  - {part.check}: {part.why}", style="dim") for part in trial.report.not_applicable
    ]
    return lines


def _mark(status: Status) -> "Text":
    from rich.text import Text

    return Text(f"{shape(status)} {_WORDS[status]}", STYLES[status])
