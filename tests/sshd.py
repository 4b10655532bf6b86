"""A real OpenSSH server of a test's own: one user, one key, a log that can be read."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from mailvane.core.server import Server, Ssh

PROGRAM = "/usr/sbin/sshd"
WAIT_SECONDS = 20.0
NO_CONFIG = Path("/dev/null")


class Sshd:
    """An sshd on a port of its own that lets the user who runs the tests in, with `key` only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self.key = folder / "client"
        self.known_hosts = folder / "known_hosts"
        self._process: subprocess.Popen[bytes] | None = None
        self.new_key("client")
        self.new_key("host")
        self.pin()
        shutil.copy(folder / "client.pub", folder / "authorized_keys")

    def new_key(self, name: str, kind: str = "ed25519") -> Path:
        """A new key pair in the folder, in place of one of that name."""
        path = self.folder / name
        for old in (path, Path(f"{path}.pub")):
            old.unlink(missing_ok=True)
        made = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "test", "-f", str(path)]
        subprocess.run(made, check=True, timeout=WAIT_SECONDS)
        return path

    def public(self, name: str) -> str:
        """Algorithm and key of the pair of that name."""
        return " ".join((self.folder / f"{name}.pub").read_text().split()[:2])

    def pin(self, name: str = "host") -> None:
        """The known_hosts file holds the key of that name and nothing else."""
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {self.public(name)}\n")

    def fingerprint(self, name: str = "host") -> str:
        """As OpenSSH itself prints it."""
        asked = ["ssh-keygen", "-l", "-f", str(self.folder / f"{name}.pub")]
        said = subprocess.run(asked, check=True, capture_output=True, timeout=WAIT_SECONDS)
        return said.stdout.decode().split()[1]

    def start(self, *more: str) -> None:
        """It runs and accepts connections; `more` are lines of its configuration."""
        config = self.folder / "sshd_config"
        lines = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self.folder / 'host'}",
            f"AuthorizedKeysFile {self.folder / 'authorized_keys'}",
            *("PidFile none", "StrictModes no", "UsePAM no", "PermitRootLogin yes"),
            *("PasswordAuthentication no", "KbdInteractiveAuthentication no"),
            *("LogLevel VERBOSE", "MaxStartups 100", "PrintMotd no"),
            *more,
        ]
        config.write_text("\n".join(lines) + "\n")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        before = self.log().count("Server listening")
        self._process = subprocess.Popen(
            [PROGRAM, "-D", "-f", str(config), "-E", str(self.folder / "log")],
            start_new_session=True,
        )
        last = time.monotonic() + WAIT_SECONDS
        while self.log().count("Server listening") == before:
            if self._process.poll() is not None or time.monotonic() > last:
                pytest.fail(f"sshd did not come up: {self.log()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """It is gone, its connections with it; stopping it twice is no error."""
        if self._process is None:
            return
        _kill((*self.sessions(), self._process.pid))
        self._process.wait(WAIT_SECONDS)
        self._process = None

    def cut(self) -> None:
        """Every connection is gone, but it goes on to accept new ones."""
        _kill(self.sessions())

    def sessions(self) -> list[int]:
        """The processes that serve connections."""
        return _children(self._process.pid) if self._process else []

    def log(self) -> str:
        """What it has logged."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def connections(self) -> int:
        """How many connections were made to it since it was made."""
        return sum(line.startswith("Connection from") for line in self.log().splitlines())

    def reach(self, **more: object) -> Ssh:
        """How it is reached; `more` are fields of Ssh."""
        said: dict[str, object] = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": getpass.getuser(),
            "key": self.key,
            "known_hosts": (self.known_hosts,),
            "config_files": (NO_CONFIG,),
            **more,
        }
        return Ssh(**said)  # type: ignore[arg-type]

    def server(self, **more: object) -> Server:
        """The server as Mailvane knows it."""
        return Server(name="mx", hostname="mx.example", reach=self.reach(**more))


@pytest.fixture
def sshd() -> Iterator[Sshd]:
    """A running sshd."""
    if not Path(PROGRAM).exists():
        missing = "openssh-server is not installed"
        if os.environ.get("MAILVANE_REQUIRE_SERVERS"):
            pytest.fail(f"{missing}, and MAILVANE_REQUIRE_SERVERS is set")
        pytest.skip(missing)
    folder = Path(tempfile.mkdtemp(prefix="mailvane-sshd-"))
    server = Sshd(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _children(pid: int) -> list[int]:
    """All that the process has started, and what those have started."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:  # it has just ended
        return []
    own = [int(child) for child in listed.split()]
    return [process for child in own for process in (child, *_children(child))]


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
