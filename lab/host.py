"""One mail host, and all that can be done to it."""

import shutil
import time
from pathlib import Path

from lab.certificates import Authority
from lab.commands import Done
from lab.disk import Disk
from lab.errors import LabError
from lab.identity import Identity
from lab.layout import Layout
from lab.mails import Mails
from lab.network import Network
from lab.power import Power

SERVICES = ("postfix", "opendkim", "dovecot")
BOOT_SECONDS = 90
HEALTHY_DAYS = 90
# Where a client sees the certificate, and how it asks for it.
TLS_PORTS = {587: "-starttls smtp", 993: ""}


class Host:
    """A Debian mail host in a network namespace, over the shared root."""

    def __init__(self, layout: Layout, name: str, number: int, dns_address: str) -> None:
        self.name = name
        self.address = layout.address(10 + number)
        self.directory = layout.hosts / name
        self.cable = Network(layout)
        self.disk = Disk(self.directory, f"{layout.prefix}-{name}")
        self.identity = Identity(layout.keys, name, self.address, dns_address)
        self.powered = Power(layout, name, self.disk.files)
        self.mails = Mails(self.powered)
        self.trusted = Authority(layout.keys, "ca")
        self.untrusted = Authority(layout.keys, "other-ca")

    @property
    def hostname(self) -> str:
        """The name in DNS, in the certificate and in the SMTP greeting."""
        return self.identity.hostname

    @property
    def host_key(self) -> str:
        """The public SSH host key, as a line of known_hosts has it after the address."""
        return self.identity.host_key

    @property
    def files(self) -> Path:
        """The host's / as seen from this machine."""
        return self.disk.files

    def create(self, root: Path, authorized_key: Path) -> None:
        """The host has a disk, names, keys, a certificate and a cable; its power is off."""
        if self.disk.files.is_mount():
            return
        self.identity.create()
        self.disk.mount(root)
        self.identity.write(self.files, authorized_key)
        self.trusted.issue(self.hostname, self.address, HEALTHY_DAYS, self._certificates)
        self.cable.add(self.name, self.address)

    def remove(self) -> None:
        """Nothing of the host is left but its keys."""
        self.powered.cut()
        self.powered.cgroup.remove()
        self.cable.remove(self.name)
        self.disk.unmount()
        shutil.rmtree(self.directory, ignore_errors=True)

    def run(self, command: str, *, check: bool = True, timeout: float = 60) -> Done:
        """The shell command has ended, as root inside the host; output is returned as text."""
        return self.powered.run(command, check=check, timeout=timeout)

    def stop(self, service: str) -> None:
        """The systemd service is stopped."""
        self.run(f"systemctl stop {units(service)}")

    def start(self, service: str) -> None:
        """The systemd service runs."""
        self.run(f"systemctl reset-failed; systemctl start {units(service)}")

    def kill_master(self) -> None:
        """Postfix's master process was killed, and port 25 refuses."""
        self.run("kill -9 $(cat /var/spool/postfix/pid/master.pid)")
        end = time.monotonic() + 30
        while self.cable.banner(self.address, 25) is not None:
            if time.monotonic() > end:
                raise LabError(f"expected port 25 of {self.name} to close; it still answers")
            time.sleep(0.1)

    def send(self, count: int) -> None:
        """So many mails to accept.test have arrived there."""
        self.mails.deliver(count, "accept.test", "sent")

    def bounce(self, count: int) -> None:
        """So many mails to reject.test have bounced."""
        self.mails.deliver(count, "reject.test", "bounced")

    def defer(self, count: int) -> None:
        """So many mails to defer.test are in the deferred queue."""
        self.mails.put_off(count)

    def fill_queue(self, count: int) -> None:
        """So many more mails are in the deferred queue, quickly, and are not tried for an hour."""
        self.mails.multiply(count)

    def empty_queue(self) -> None:
        """No mail waits in any queue."""
        self.mails.empty()

    def fill_disk(self, *, percent: int | None = None, free_bytes: int = 0) -> None:
        """`df` on the host shows that percentage used; without one, that much is free."""
        self.disk.fill(percent=percent, free_bytes=free_bytes)

    def free_disk(self) -> None:
        """What `fill_disk` wrote is gone."""
        self.disk.free()

    def certificate(self, days: float, *, name: str | None = None, trusted: bool = True) -> None:
        """Clients see a new certificate that ends in `days` days (negative: it has ended)."""
        authority = self.trusted if trusted else self.untrusted
        authority.issue(name or self.hostname, self.address, days, self._certificates)
        self.run("postfix reload; doveadm reload", check=False)
        self._wait_for_certificate()

    @property
    def _certificates(self) -> Path:
        return self.files / "etc/ssl/lab"

    def _wait_for_certificate(self) -> None:
        own = self.run("openssl x509 -noout -fingerprint -in /etc/ssl/lab/host.crt").stdout
        end = time.monotonic() + 15
        while any(seen not in ("", own) for seen in map(self._fingerprint, TLS_PORTS)):
            if time.monotonic() > end:
                raise LabError(f"expected {self.name} to show its new certificate; it did not")
            time.sleep(0.1)

    def _fingerprint(self, port: int) -> str:
        client = f"openssl s_client {TLS_PORTS[port]} -connect 127.0.0.1:{port} </dev/null"
        return self.run(
            f"{client} 2>/dev/null | openssl x509 -noout -fingerprint", check=False
        ).stdout

    def network(self, *, up: bool) -> None:
        """The network cable is plugged or pulled."""
        (self.cable.plug if up else self.cable.pull)(self.name)

    def power(self, *, on: bool) -> None:
        """The host is off, at once; or it is on and answers, its cable being plugged."""
        if on:
            self.powered.on()
            self.wait_ready()
        else:
            self.powered.cut()

    def shutdown(self) -> None:
        """The host is off, having stopped its services in order."""
        self.powered.shut_down()

    def wait_ready(self, timeout: float = BOOT_SECONDS) -> None:
        """SSH and submission answer."""
        try:
            for port, banner in ((22, "SSH"), (587, "220")):
                self.cable.wait_for(self.address, port, banner, timeout)
        except LabError as error:
            raise LabError(f"{error}: read {self.powered.process.log}") from None

    def cpu_seconds(self) -> float:
        """The CPU time that all of the host has used so far."""
        return self.powered.cgroup.cpu_seconds()

    def restore(self) -> None:
        """The host is as `up` made it: on, plugged, free disk, empty queue, all services."""
        self.network(up=True)
        self.free_disk()
        self.powered.on()
        self.cable.wait_for(self.address, 22, "SSH", BOOT_SECONDS)
        for service in SERVICES:
            self.start(service)
        self.wait_ready()
        self.empty_queue()
        mine = self._certificates / "host.crt"
        if not self.trusted.vouches(mine, self.hostname, HEALTHY_DAYS - 1):
            self.certificate(HEALTHY_DAYS)


def units(service: str) -> str:
    """The units behind a service; postfix is an empty unit, and postfix@- the real one."""
    return "postfix postfix@-" if service == "postfix" else service
