"""The lab's only name server: it knows what it was told and asks nobody."""

import time
from pathlib import Path

from lab.errors import LabError
from lab.layout import Layout
from lab.network import ACCEPT, DEFER, DNS, REJECT
from lab.programs import Program

SINKS = {"accept": ACCEPT, "defer": DEFER, "reject": REJECT}


class Dns:
    """Unbound on its own address, changed while it runs."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.address = layout.address(DNS)
        self.program = Program(layout, "dns")

    def up(self, root: Path) -> None:
        """The server answers and knows the sinks."""
        if self.program.process.pid is not None:
            return
        self.program.shared.mkdir(parents=True, exist_ok=True)
        listen = f"server:\n  interface: {self.address}\ninclude: /etc/unbound/lab.conf\n"
        (self.program.shared / "unbound.conf").write_text(listen)
        self.program.start(root, "/usr/sbin/unbound", "-d", "-c", "/mnt/unbound.conf")
        self._wait()
        for name, last in (*SINKS.items(), ("refused", DNS)):
            self.add(*mail_records(f"{name}.test", self.layout.address(last)))

    def add(self, *records: str) -> None:
        """The server answers with these records too, e.g. "x.test. 60 IN A 10.77.0.9"."""
        self._control("local_datas", text="".join(f"{record}\n" for record in records))

    def remove(self, name: str) -> None:
        """The server knows nothing of that name any more."""
        self._control("local_data_remove", name)

    def zone(self, name: str, kind: str) -> None:
        """The zone behaves as unbound's local-zone kind says, e.g. "deny" or "always_refuse"."""
        self._control("local_zone", name, kind)

    def down(self) -> None:
        """The server has ended."""
        self.program.process.stop()

    def _control(self, *words: str, text: str = "") -> str:
        control = ("/usr/sbin/unbound-control", "-c", "/mnt/unbound.conf")
        said = self.program.run(*control, *words, text=text).stdout
        if "error" in said:
            raise LabError(f"expected a record that unbound reads; found: {said.strip()}")
        return said

    def _wait(self) -> None:
        end = time.monotonic() + 10
        while True:
            try:
                self._control("status")
            except LabError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                return


def mail_records(name: str, address: str) -> list[str]:
    """The records of a machine that takes mail for its own name."""
    backwards = ".".join(reversed(address.split(".")))
    return [
        f"{name}. 60 IN A {address}",
        f"{name}. 60 IN MX 10 {name}.",
        f"{backwards}.in-addr.arpa. 60 IN PTR {name}.",
    ]
