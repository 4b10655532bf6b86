"""The lab as tests and the demo use it."""

import os
import re
import shutil
import sys
from pathlib import Path

from lab import namespaces
from lab.certificates import Authority
from lab.dns import SINKS, Dns
from lab.errors import LabError
from lab.host import BOOT_SECONDS, Host
from lab.identity import new_ssh_key
from lab.layout import MOST_HOSTS, Layout
from lab.network import Network
from lab.root import build
from lab.sinks import Sink

# About six for each systemd; a machine's usual 128 is used up by seven hosts.
INOTIFY_INSTANCES = 512
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")


class Lab:
    """Mail hosts mx1, mx2, ... with DNS and sinks on a network that has no way out."""

    ssh_user = "monitor"

    def __init__(
        self,
        directory: Path | str | None = None,
        network: str | None = None,
        prefix: str | None = None,
    ) -> None:
        self.layout = Layout.chosen(directory, network, prefix)
        self.network = Network(self.layout)
        self.dns = Dns(self.layout)
        self.sinks = {name: Sink(self.layout, name, last) for name, last in SINKS.items()}
        self.authority = Authority(self.layout.keys, "ca")
        self.ssh_key = self.layout.keys / "id_ed25519"
        self.known_hosts = self.layout.keys / "known_hosts"
        self.ca_file = self.authority.certificate
        self._before: int | None = None

    def build(self) -> Path:
        """The shared root is there, made of the files as they are now; returns its directory."""
        require_root_on_linux()
        return build(self.layout.cache)

    def up(self, hosts: int = 1, *, machine_address: bool = False) -> None:
        """So many hosts answer on SSH and submission; those that ran are left as they are."""
        if not 0 <= hosts <= MOST_HOSTS:
            raise LabError(f"expected 0 to {MOST_HOSTS} hosts; found {hosts}")
        root = self.build()
        if not self.layout.namespace().exists():
            self.down()  # what a restart of this machine left behind
        if hosts > 6:
            allow_inotify()
        self._create_keys()
        self.network.up(machine_address=machine_address)
        self._serve(root)
        wanted = [self._host(number) for number in range(1, hosts + 1)]
        for host in wanted:
            host.create(root, Path(f"{self.ssh_key}.pub"))
            self.dns.add(*host.identity.records())
            host.powered.on()
        self._know(self.hosts())
        for host in wanted:
            host.wait_ready(BOOT_SECONDS)

    def host(self, name: str) -> Host:
        """The host of that name."""
        there = {host.name: host for host in self.hosts()}
        if name not in there:
            raise LabError(
                f"expected a host of this lab ({', '.join(there) or 'none is up'}); "
                f"found {name!r}: run `python3 -m lab up N`"
            )
        return there[name]

    def hosts(self) -> list[Host]:
        """All hosts that are there, on or off."""
        names = [path.name for path in self.layout.hosts.glob("mx*")]
        numbers = sorted(int(name[2:]) for name in names if re.fullmatch(r"mx\d+", name))
        return [self._host(number) for number in numbers]

    def sink(self, name: str) -> Sink:
        """The sink of that name: accept, defer or reject."""
        if name not in self.sinks:
            raise LabError(f"expected a sink ({', '.join(self.sinks)}); found {name!r}")
        return self.sinks[name]

    def enter(self) -> None:
        """The calling thread, and what it starts, sees the lab's network and no other."""
        if self._before is None:
            self._before = namespaces.enter(self.layout.namespace())

    def leave(self) -> None:
        """The calling thread is back in the network it was in before `enter`."""
        if self._before is not None:
            namespaces.go_back(self._before)
            self._before = None

    def down(self) -> None:
        """Nothing of the lab runs; its keys and the shared root stay."""
        require_root_on_linux()
        self.leave()
        for host in self.hosts():
            host.remove()
        for sink in self.sinks.values():
            sink.program.process.stop()
        self.dns.down()
        self.network.down()
        for directory in (self.layout.hosts, self.layout.running):
            shutil.rmtree(directory, ignore_errors=True)

    def clean(self) -> None:
        """Nothing of the lab is left on this machine, the shared root included."""
        self.down()
        for directory in (self.layout.keys, self.layout.cache):
            shutil.rmtree(directory, ignore_errors=True)

    def ssh_command(self, name: str) -> list[str]:
        """The words that log in to the host, from where it can be reached."""
        known = f"UserKnownHostsFile={self.known_hosts}"
        options = ("-o", known, "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=5")
        address = f"{self.ssh_user}@{self.host(name).address}"
        return ["ssh", "-F", "none", "-i", str(self.ssh_key), *options, address]

    def _host(self, number: int) -> Host:
        return Host(self.layout, f"mx{number}", number, self.dns.address)

    def _create_keys(self) -> None:
        self.layout.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        new_ssh_key(self.ssh_key)
        self.authority.create()
        Authority(self.layout.keys, "other-ca").create()

    def _serve(self, root: Path) -> None:
        self.layout.running.mkdir(parents=True, exist_ok=True)
        (self.layout.running / "root").write_text(str(root))
        self.dns.up(root)
        for sink in self.sinks.values():
            sink.restore()

    def _know(self, hosts: list[Host]) -> None:
        lines = [f"{host.address} {host.host_key}\n" for host in hosts]
        self.known_hosts.write_text("".join(lines))


def require_root_on_linux() -> None:
    """This machine and user can run the lab."""
    if sys.platform != "linux":
        raise LabError(f"expected Linux; found {sys.platform}: run the lab in a virtual machine")
    if os.geteuid() != 0:
        raise LabError("expected root, who may mount and make networks; found a user: use sudo")


def allow_inotify() -> None:
    """The machine allows as many inotify instances as the most hosts need."""
    if int(INOTIFY.read_text()) < INOTIFY_INSTANCES:
        print(f"lab: raising fs.inotify.max_user_instances to {INOTIFY_INSTANCES}", flush=True)
        INOTIFY.write_text(str(INOTIFY_INSTANCES))
