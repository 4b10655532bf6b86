"""A thousand servers on one process, everything read and judged; and ten thousand beside them.

A real mail host of the lab is asked under some of the names; what it answered is recorded, and a local SSH server
answers like it under all the others. The figures are those of the client process alone.
Needs root on Linux, for the lab.
"""

import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _figures import Figure, tell

sys.path.insert(0, str(Path(__file__).parents[1]))

from lab.lab import Lab
from mailvane.app import checks_for, load_settings, now
from mailvane.engine.sweep import Sweeper
from mailvane.transports.recorded import Recorder

HERE = Path(__file__).parent
REAL_NAMES = 8
FILES_NEEDED = 12_000
MOST_SECONDS = 600

SERVER = """
  - name: {name}
    hostname: mx1.test
    address: {address}
    ssh: {{user: {user}, key: {key}, host: {address}, port: {port}, known_hosts: [{known_hosts}], config_files: []}}
    services: [postfix, opendkim, dovecot]
    submission_port: 587
    certificate: {{ports: [{{port: {mail}, starttls: smtp}}], ca_file: {ca_file}}}
"""


def configuration(lab: Lab, folder: Path, ports: dict[str, int], count: int) -> Path:
    """A configuration of so many servers, the first few of them the real one under many names."""
    shared = {"key": lab.ssh_key, "ca_file": lab.ca_file, "known_hosts": folder / "known_hosts"}
    real = {"address": lab.host("mx1").address, "user": lab.ssh_user, "port": 22, "mail": 587}
    played = {"address": "127.0.0.1", "port": ports["ssh"], "mail": ports["mail"]}
    text = ["servers:"]
    for number in range(count):
        name = f"s{number}"
        own = real if number < REAL_NAMES else {**played, "user": name}
        text.append(SERVER.format(name=name, **shared, **own))
    config = folder / f"{count}.yaml"
    config.write_text("".join(text) + "sweep: {at_once: 400, limit: 29s}\n")
    return config


async def record(lab: Lab, folder: Path) -> None:
    """Two sweeps of the real host are recorded; the second reads its log on from where the first stopped."""
    from mailvane.app import joined

    config = configuration(lab, folder, {"ssh": 1, "mail": 1}, 1)
    settings = load_settings(config, folder / "state")
    server = settings.servers[0]
    async with joined(settings) as parts:
        recorder = Recorder(parts.transport, folder / "recording")
        sweeper = Sweeper(checks_for(server), recorder, now)
        for _ in range(3):
            await sweeper.sweep(server)


@contextlib.contextmanager
def played_server(lab: Lab, folder: Path) -> Iterator[dict[str, int]]:
    """The local SSH server runs; yields its ports."""
    certificates = lab.host("mx1").files / "etc/ssl/lab"
    words: list[object] = [sys.executable, HERE / "_fleet_server.py"]
    words += ["--recording", folder / "recording" / "s0", "--authorized", f"{lab.ssh_key}.pub"]
    words += ["--host-key", folder / "host_key", "--certificate", certificates / "host.crt"]
    words += ["--certificate-key", certificates / "host.key"]
    server = subprocess.Popen([str(w) for w in words], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        ports: dict[str, int] = json.loads(server.stdout.readline())
        key = (folder / "host_key.pub").read_text()
        known = f"[127.0.0.1]:{ports['ssh']} {key}{lab.known_hosts.read_text()}"
        (folder / "known_hosts").write_text(known)
        yield ports
    finally:
        server.terminate()
        server.wait()


def client(config: Path, intervals: float) -> dict[str, Any]:
    """What the servers of the configuration cost a process of their own."""
    words = [sys.executable, str(HERE / "_fleet_client.py"), str(config)]
    words += ["--intervals", str(intervals)]
    done = subprocess.run(
        words, stdout=subprocess.PIPE, text=True, check=True, timeout=MOST_SECONDS
    )
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def allow_files() -> bool:
    """True when each of our processes may have ten thousand connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_NEEDED, max(hard, FILES_NEEDED)))
    except (ValueError, OSError):
        return False
    return True


def measured(lab: Lab, folder: Path) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The figures of a thousand servers, and of ten thousand where the file limit allows."""
    host_key = folder / "host_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", host_key], check=True)
    (folder / "known_hosts").write_text(lab.known_hosts.read_text())
    asyncio.run(record(lab, folder))
    many_files = allow_files()
    with played_server(lab, folder) as ports:
        thousand = client(configuration(lab, folder, ports, 1_000), 2)
        many = None
        if many_files and "--quick" not in sys.argv:
            with contextlib.suppress(subprocess.TimeoutExpired):
                many = client(configuration(lab, folder, ports, 10_000), 1)
    return thousand, many


def main() -> None:
    """The figures stand on the terminal."""
    if os.geteuid() != 0:
        print("bench/fleet.py: left out for want of root: it boots a real mail host")
        return
    lab = Lab(directory="/var/tmp/mailvane-bench", network="10.79.0", prefix="mvbench")  # noqa: S108
    try:
        lab.up(1, machine_address=True)
        lab.host("mx1").fill_queue(105)
        with tempfile.TemporaryDirectory(prefix="mailvane-bench-") as folder:
            thousand, many = measured(lab, Path(folder))
    finally:
        lab.down()
    limit = "the goal"
    figures = [
        Figure("fleet.1000.sweep_of_all", thousand["sweep_seconds"], "s", limit, 10),
        Figure("fleet.1000.core", thousand["core_percent"], "%", "one core, every 30 s", 25),
        Figure("fleet.1000.memory", thousand["resident_mib"], "MiB", limit, 300),
        Figure(
            "fleet.1000.first_answers", thousand["connected_seconds"], "s", "connecting and all"
        ),
    ]
    estimate = "ten times the 1,000: an estimate"
    figures.append(
        Figure("fleet.10000.core_estimate", 10 * thousand["core_percent"], "%", estimate)
    )
    if many:
        figures += [
            Figure("fleet.10000.sweep_of_all", many["sweep_seconds"], "s", "two shared cores"),
            Figure("fleet.10000.core", many["core_percent"], "%", "one core, every 30 s"),
            Figure("fleet.10000.memory", many["resident_mib"], "MiB", "one process"),
            Figure("fleet.10000.lag", many["lag_seconds"], "s", "its turn"),
        ]
    tell(f"1,000 servers on one process: {thousand['statuses']}", figures)


if __name__ == "__main__":
    main()
