"""The lab's network: a bridge in a namespace of its own, with no way out."""

import socket
import time
from pathlib import Path

from lab import namespaces
from lab.commands import run
from lab.errors import LabError
from lab.layout import Layout

MONITOR, DNS, ACCEPT, DEFER, REJECT, MACHINE = 1, 2, 3, 4, 5, 254


# How many lines journald may hand to rsyslog before it drops one; systemd itself would set this, and may not here.
DATAGRAMS = 4096
QUEUE = Path("/proc/sys/net/unix/max_dgram_qlen")


class Network:
    """The monitor's namespace with the bridge, and a cable from it to each host."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def up(self, *, machine_address: bool = False) -> None:
        """The bridge has its addresses; this machine too has one, if that is asked."""
        prefix = self.layout.prefix
        if not self.layout.namespace().exists():
            run("ip", "netns", "add", prefix)
            mine = (MONITOR, DNS, ACCEPT, DEFER, REJECT)
            addresses = [f"addr add {self.layout.address(last)}/24 dev br0" for last in mine]
            bridge = ("link set lo up", "link add br0 type bridge forward_delay 0")
            self.batch(prefix, *bridge, "link set br0 up", *addresses)
        # Without the lab, packets for it must not leave by the default route: it stays.
        guard = ("unreachable", f"{self.layout.network}.0/24", "metric", "4096")
        run("ip", "route", "replace", *guard)
        if machine_address and not self.machine_leg.exists():
            self.plug_machine()

    @property
    def machine_leg(self) -> Path:
        """The network interface of this machine itself."""
        return Path("/sys/class/net") / f"{self.layout.prefix}-leg"

    def plug_machine(self) -> None:
        """This machine itself has an address on the bridge."""
        leg, prefix = self.machine_leg.name, self.layout.prefix
        run("ip", "link", "add", leg, "type", "veth", "peer", "name", "v-machine", "netns", prefix)
        self.batch(prefix, "link set dev v-machine master br0", "link set dev v-machine up")
        run("ip", "addr", "add", f"{self.layout.address(MACHINE)}/24", "dev", leg)
        run("ip", "link", "set", "dev", leg, "up")

    def add(self, host: str, address: str) -> None:
        """The host's namespace exists and its cable is plugged."""
        if self.layout.namespace(host).exists():
            return
        inner = self.layout.namespace(host).name
        run("ip", "netns", "add", inner)
        cable = f"link add eth0 type veth peer name v-{host} netns {self.layout.prefix}"
        self.batch(inner, "link set lo up", cable, f"addr add {address}/24 dev eth0")
        self.batch(self.layout.prefix, f"link set dev v-{host} master br0")
        self.plug(host)
        # No default route: nothing that the host does can leave the lab.
        self.batch(inner, "link set dev eth0 up")
        namespaces.inside(self.layout.namespace(host), allow_long_queues)

    def plug(self, host: str) -> None:
        """The host's cable is in."""
        self.batch(self.layout.prefix, f"link set dev v-{host} up")

    def pull(self, host: str) -> None:
        """The host's cable is out: packets vanish, nothing refuses."""
        self.batch(self.layout.prefix, f"link set dev v-{host} down")

    def remove(self, host: str) -> None:
        """The host's namespace and cable are gone."""
        if self.layout.namespace(host).exists():
            run("ip", "netns", "delete", self.layout.namespace(host).name)

    def down(self) -> None:
        """The monitor's namespace and the machine's leg are gone; the route's guard stays."""
        if self.layout.namespace().exists():
            run("ip", "-n", self.layout.prefix, "link", "delete", "v-machine", check=False)
            run("ip", "netns", "delete", self.layout.prefix)

    def batch(self, namespace: str, *lines: str) -> None:
        """The lines of ip(8) have been carried out in the namespace, in order."""
        run("ip", "-n", namespace, "-batch", "-", text="".join(f"{line}\n" for line in lines))

    def banner(self, address: str, port: int) -> str | None:
        """The first line that a port says to the monitor; None if it is closed or silent."""
        return namespaces.inside(self.layout.namespace(), lambda: first_line(address, port))

    def wait_for(self, address: str, port: int, banner: str, seconds: float) -> None:
        """The port greets with that banner."""
        end = time.monotonic() + seconds
        while not (self.banner(address, port) or "").startswith(banner):
            if time.monotonic() > end:
                raise LabError(
                    f"expected {address}:{port} to greet with {banner!r} within {seconds:g} s; "
                    "it did not"
                )
            time.sleep(0.05)


def first_line(address: str, port: int) -> str | None:
    """What a port says within two seconds, up to the end of the first line."""
    try:
        with socket.create_connection((address, port), timeout=2) as connection:
            return connection.recv(512).decode(errors="replace").partition("\r")[0]
    except OSError:
        return None


def allow_long_queues() -> None:
    """In the namespace that the calling thread is in, a busy log loses no line."""
    QUEUE.write_text(str(DATAGRAMS))
