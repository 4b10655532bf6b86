"""Where the hosts' mail goes: three places that accept, defer or reject it."""

from pathlib import Path

from lab.errors import LabError
from lab.layout import Layout
from lab.network import Network
from lab.programs import Program

# What smtp-sink is told for each mode: 450 or 500 to RCPT, or five seconds before DATA.
MODES = {"accept": (), "defer": ("-r", "RCPT"), "reject": ("-f", "RCPT"), "slow": ("-w", "5")}


class Sink:
    """One SMTP server, named after what it does unless it is told otherwise."""

    def __init__(self, layout: Layout, name: str, last: int) -> None:
        self.name = name
        self.address = layout.address(last)
        self.program = Program(layout, f"sink-{name}")
        self.network = Network(layout)
        self._root = layout.running / "root"
        self._mode = layout.running / f"sink-{name}.mode"

    def mode(self, mode: str) -> None:
        """The sink answers in that mode: accept, defer, reject, slow, or off (refused)."""
        if mode not in (*MODES, "off"):
            raise LabError(f"expected one of {', '.join(MODES)}, off; found {mode!r}")
        if not self._root.exists():
            raise LabError("expected the lab to be up; it is not: run `python3 -m lab up`")
        self.program.process.stop()
        if mode != "off":
            self._start(MODES[mode])
        self._mode.write_text(mode)

    def now(self) -> str:
        """The mode that the sink is in."""
        return self._mode.read_text() if self.program.process.pid else "off"

    def restore(self) -> None:
        """The sink does again what its name says."""
        if self.now() != self.name:
            self.mode(self.name)

    def mails(self) -> list[Path]:
        """The mails that came here, each a file with its envelope in X- headers."""
        return sorted(path for path in self.program.shared.glob("*") if path.is_file())

    def clear(self) -> None:
        """No mail is kept here any more."""
        for path in self.mails():
            path.unlink()

    def _start(self, options: tuple[str, ...]) -> None:
        self.program.shared.mkdir(parents=True, exist_ok=True)
        self.program.shared.chmod(0o777)
        keep = ("-u", "nobody", "-R", "/mnt", "-d", "%Y%m%d%H%M%S.")
        greet = ("-h", f"{self.name}.test", *options, f"{self.address}:25", "200")
        self.program.start(Path(self._root.read_text()), "/usr/sbin/smtp-sink", *keep, *greet)
        self.network.wait_for(self.address, 25, "220", 10)
