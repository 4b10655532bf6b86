"""Does the machine have room to work?

Load is the 5-minute average per processor; memory is what the kernel says is available for new work.
Postfix stays correct under load, but deliveries slow down, SMTP clients run into time-outs, and with no
memory left the kernel kills a process, often Dovecot or the content filter.

| | degraded | unhealthy |
|---|---|---|
| load per processor (5 min) | from 2 | above 5 |
| memory in use | from 90 % | above 97 % |

Two per processor means that every process waits as long as it works; the memory limits are those at which
Mail-in-a-Box warns, and at which the kernel has too little left for its caches.

**What to do.** `ps axo pcpu,pmem,args --sort=-pcpu | head` shows who uses it.
A flood of mail shows in the `queue` check, a brute force in the `log` check; limit the number of
processes (`default_process_limit`) before adding memory.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mailvane.core.check import Check, runbook_of
from mailvane.core.errors import GarbledAnswer
from mailvane.core.request import ShellCommand
from mailvane.core.response import Answers
from mailvane.core.result import Metric, Verdict
from mailvane.core.server import Server
from mailvane.core.threshold import Limits, rising
from mailvane.core.words import size

COMMAND = ShellCommand(
    """awk 'FILENAME == "/proc/loadavg" {print "load", $1, $2, $3}
/^MemTotal:|^MemAvailable:/ {print $1, $2}
/^cpu[0-9]/ {n++}
END {print "processors", n}' /proc/loadavg /proc/meminfo /proc/stat"""
)


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the machine is."""

    load_1min: float
    load_5min: float
    load_15min: float
    processors: int
    memory_total_bytes: int
    memory_available_bytes: int


def ask(server: Server, before: Load | None) -> Iterable[ShellCommand]:
    """One awk over three files of /proc."""
    del server, before
    return (COMMAND,)


def read(server: Server, answers: Answers, before: Load | None) -> Load:
    """The numbers of /proc."""
    del server, before
    output = answers[COMMAND].output.decode(errors="replace")
    words = (line.split() for line in output.splitlines())
    said = {first: rest for first, *rest in filter(None, words)}
    try:
        one, five, fifteen = map(_number, said["load"])
        return Load(
            one,
            five,
            fifteen,
            int(_number(said["processors"][0])) or 1,
            int(_number(said["MemTotal:"][0], least=1)) * 1024,
            int(_number(said["MemAvailable:"][0])) * 1024,
        )
    except (KeyError, ValueError, IndexError) as error:
        raise GarbledAnswer(
            f"expected load, processors, MemTotal and MemAvailable from /proc, found {output[:80]!r}"
        ) from error


def _number(word: str, least: float = 0) -> float:
    """A number as /proc writes it; `float` would take `nan`, which no limit ever catches."""
    if not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,6})?", word) or float(word) < least:
        raise ValueError(word)
    return float(word)


def judge(load: Load, limits: Limits) -> Iterable[Verdict]:
    """One verdict for the processors, one for memory."""
    per_processor = load.load_5min / load.processors
    yield Verdict(
        item="processors",
        status=limits["load"].judge(per_processor),
        summary=f"load {load.load_5min:g} on {load.processors} processors {limits['load']}",
        metrics=(
            Metric("load_5min", load.load_5min),
            Metric("load_per_processor", per_processor, limits["load"]),
        ),
        limits=str(limits["load"]),
    )
    used = 100 * (1 - load.memory_available_bytes / max(1, load.memory_total_bytes))
    yield Verdict(
        item="memory",
        status=limits["memory"].judge(used),
        summary=f"{used:.0f} % of {size(load.memory_total_bytes)} memory in use {limits['memory']}",
        metrics=(
            Metric("memory_used_percent", round(used, 1), limits["memory"]),
            Metric("memory_available_bytes", load.memory_available_bytes),
        ),
        limits=str(limits["memory"]),
    )


CHECK = Check[Load](
    name="load",
    title="Load and memory",
    ask=ask,
    read=read,
    judge=judge,
    limits={"load": rising(2, 5), "memory": rising(90, 97, " %")},
    runbook=runbook_of(__name__),
)
