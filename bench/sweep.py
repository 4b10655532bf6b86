"""One sweep of one real mail host, warm, against seven `ssh` processes that ask the platform's seven questions.

Both ask the same host, in turns. The client's CPU is this process's and its children's; the host's CPU is its cgroup's.
Needs root on Linux, for the lab.
"""

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from _figures import Figure, tell

sys.path.insert(0, str(Path(__file__).parents[1]))

from lab.host import Host
from lab.lab import Lab
from mailvane.app import joined, load_settings

ROUNDS = 9
QUEUED = 105

CONFIG = """
servers:
  - name: mx1
    hostname: mx1.test
    address: {address}
    ssh: {{user: monitor, key: {key}, host: {address}, known_hosts: [{known_hosts}], config_files: []}}
    services: [postfix, opendkim, dovecot]
    certificate: {{ports: [587], ca_file: {ca_file}}}
"""
QUESTIONS = (
    "systemctl is-active postfix opendkim dovecot",
    "mailq | tail -1",
    "df -h / | tail -1",
    "tail -n 1000 /var/log/mail.log | grep -c -E 'error|warning|fatal'",
    "tail -n 10 /var/log/mail.log",
    "cat /proc/loadavg; free -m",
    "echo QUIT | openssl s_client -starttls smtp -connect 127.0.0.1:587 2>&1 | openssl x509 -enddate",
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one round of questions cost."""

    wall_seconds: float
    client_cpu_seconds: float
    host_cpu_seconds: float


def client_cpu() -> float:
    """CPU seconds of this process and of its children that have ended."""
    return sum(
        use.ru_utime + use.ru_stime
        for use in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def measured(host: Host, ask: Callable[[], object]) -> Cost:
    """What asking cost."""
    host_before, client_before, before = host.cpu_seconds(), client_cpu(), time.monotonic()
    ask()
    wall, client = time.monotonic() - before, client_cpu() - client_before
    time.sleep(0.3)  # sshd ends what it started
    return Cost(wall, client, host.cpu_seconds() - host_before)


def seven_ssh(lab: Lab) -> None:
    """The platform's way: a process, a connection and a login for each question."""
    for question in QUESTIONS:
        subprocess.run(
            [*lab.ssh_command("mx1"), question],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )


def middle(costs: list[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(
        median(cost.wall_seconds for cost in costs),
        median(cost.client_cpu_seconds for cost in costs),
        median(cost.host_cpu_seconds for cost in costs),
    )


async def compare(lab: Lab, config: Path) -> tuple[Cost, Cost, str]:
    """Medians of Mailvane's sweep and of the seven, and the status that the sweep found."""
    host = lab.host("mx1")
    settings = load_settings(config, config.parent / "state")
    ours, theirs = [], []
    loop = asyncio.get_running_loop()
    async with joined(settings) as parts:
        server = settings.servers[0]
        for _ in range(3):
            report = await parts.sweep(server)
        for _ in range(ROUNDS):
            theirs.append(measured(host, lambda: seven_ssh(lab)))
            await asyncio.sleep(1)
            host_before, client_before = host.cpu_seconds(), client_cpu()
            before = loop.time()
            report = await parts.sweep(server)
            wall, client = loop.time() - before, client_cpu() - client_before
            await asyncio.sleep(0.3)
            ours.append(Cost(wall, client, host.cpu_seconds() - host_before))
    return middle(ours), middle(theirs), report.status


def main() -> None:
    """The figures stand on the terminal."""
    if os.geteuid() != 0:
        print("bench/sweep.py: left out for want of root: it boots a real mail host")
        return
    lab = Lab(directory="/var/tmp/mailvane-bench", network="10.79.0", prefix="mvbench")  # noqa: S108
    try:
        lab.up(1, machine_address=True)
        host = lab.host("mx1")
        host.fill_queue(QUEUED)
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder) / "mailvane.yaml"
            config.write_text(
                CONFIG.format(
                    address=host.address,
                    key=lab.ssh_key,
                    known_hosts=lab.known_hosts,
                    ca_file=lab.ca_file,
                )
            )
            import uvloop

            ours, theirs, status = uvloop.run(compare(lab, config))
    finally:
        lab.down()
    against = (
        f"seven ssh: {theirs.wall_seconds:.2f} s wall, {theirs.client_cpu_seconds * 1000:.0f} ms client, "
        f"{theirs.host_cpu_seconds * 1000:.0f} ms host"
    )
    tell(
        f"One sweep of one host with {QUEUED} queued mails ({status})",
        [
            Figure(
                "sweep.wall_ratio", ours.wall_seconds / theirs.wall_seconds, "×", against, 1 / 15
            ),
            Figure(
                "sweep.client_cpu_ratio",
                ours.client_cpu_seconds / theirs.client_cpu_seconds,
                "×",
                against,
                1 / 100,
            ),
            Figure(
                "sweep.host_cpu_ratio",
                ours.host_cpu_seconds / theirs.host_cpu_seconds,
                "×",
                against,
                1 / 3,
            ),
            Figure("sweep.wall", ours.wall_seconds * 1000, "ms", "a warm connection"),
            Figure("sweep.client_cpu", ours.client_cpu_seconds * 1000, "ms", "a warm connection"),
            Figure("sweep.host_cpu", ours.host_cpu_seconds * 1000, "ms", "a warm connection"),
        ],
    )


if __name__ == "__main__":
    main()
