"""Real servers that any test may ask for: a PostgreSQL and a Redis of its own, on free ports.

A test that asks for one is skipped where the program is not installed, and fails there when
MAILVANE_REQUIRE_SERVERS is set, so that no machine which promises them skips in silence.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

WAIT_SECONDS = 60.0
UNPRIVILEGED = "postgres"


@pytest.fixture(scope="session")
def postgres() -> Iterator["Postgres"]:
    """A running PostgreSQL; whoever stops it starts it again."""
    folder = Path(tempfile.mkdtemp(prefix="mailvane-pg-"))
    server = Postgres(_postgres_programs(), folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_url(postgres: "Postgres") -> str:
    """The superuser's URL of a running PostgreSQL, with a password."""
    return postgres.url()


@pytest.fixture
def postgres_database(postgres: "Postgres") -> Iterator[str]:
    """The URL of a database that is empty, and gone after the test."""
    name = f"test_{secrets.token_hex(6)}"
    postgres.run(f'create database "{name}"')
    yield postgres.url(name)
    postgres.run(f'drop database "{name}" with (force)')


@pytest.fixture
def redis_url() -> Iterator["Redis"]:
    """A running, empty Redis as an object: `.url`, `.stop()`, `.start()`."""
    program = _program("redis-server", shutil.which("redis-server"))
    folder = Path(tempfile.mkdtemp(prefix="mailvane-redis-"))
    server = Redis(program, folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


class Redis:
    """A redis-server that keeps nothing on disk."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers, also after a stop and a start."""
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """It runs and answers; empty."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(self._program, "--port", str(self._port), "--bind", "127.0.0.1"),
                    *("--save", "", "--appendonly", "no", "--dir", str(self._folder)),
                ],
                stdout=log,
                stderr=log,
            )
        _wait_until(lambda: _accepts(self._port), self._process, self._folder / "log")

    def stop(self) -> None:
        """It is gone at once, as if it had crashed; stopping it twice is no error."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(WAIT_SECONDS)
            self._process = None


class Postgres:
    """A PostgreSQL on a port of its own that asks for passwords; not safe against a power cut."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._port = _free_port()
        self._password = secrets.token_urlsafe(12)
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """The superuser's URL of one of its databases."""
        return f"postgresql://mailvane:{self._password}@127.0.0.1:{self._port}/{database}"

    def run(self, statement: str, database: str = "postgres") -> None:
        """The statement has been carried out."""
        subprocess.run(
            [
                *(str(self._programs / "psql"), "--no-psqlrc", "--quiet"),
                *("--set", "ON_ERROR_STOP=1", "--command", statement, self.url(database)),
            ],
            check=True,
            timeout=WAIT_SECONDS,
        )

    def start(self) -> None:
        """It runs and answers; what was in it is there again."""
        data = self._folder / "data"
        if not data.exists():
            self._initialise(data)
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(str(self._programs / "postgres"), "-D", str(data), "-p", str(self._port)),
                    *("-h", "127.0.0.1", "-k", str(self._folder), "-c", "fsync=off"),
                    *("-c", "max_connections=40", "-c", "shared_buffers=16MB"),
                ],
                stdout=log,
                stderr=log,
                **_unprivileged(),
            )
        _wait_until(self._is_ready, self._process, self._folder / "log")

    def stop(self) -> None:
        """It is down and its clients are cut off; stopping it twice is no error."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(WAIT_SECONDS)
            self._process = None

    def _initialise(self, data: Path) -> None:
        password = self._folder / "password"
        password.write_text(self._password)
        if os.geteuid() == 0:
            shutil.chown(self._folder, UNPRIVILEGED)
            shutil.chown(password, UNPRIVILEGED)
        subprocess.run(
            [
                *(str(self._programs / "initdb"), "-D", str(data), "--username=mailvane"),
                *("--auth=scram-sha-256", f"--pwfile={password}", "--no-sync"),
                *("--encoding=UTF8", "--locale=C"),
            ],
            check=True,
            capture_output=True,
            timeout=WAIT_SECONDS,
            **_unprivileged(),
        )

    def _is_ready(self) -> bool:
        program = str(self._programs / "pg_isready")
        asked = [program, "--quiet", "--host=127.0.0.1", f"--port={self._port}"]
        return subprocess.run(asked, check=False, timeout=WAIT_SECONDS).returncode == 0


def _unprivileged() -> dict[str, str | list[str]]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    return {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []}


def _postgres_programs() -> Path:
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda place: int(place.parent.name),
        reverse=True,
    )
    usable = (str(place) for place in places if (place / "postgres").exists())
    return Path(_program("a PostgreSQL server", next(usable, None)))


def _program(name: str, found: str | None) -> str:
    if found:
        return found
    if os.environ.get("MAILVANE_REQUIRE_SERVERS"):
        pytest.fail(f"{name} is not installed, and MAILVANE_REQUIRE_SERVERS is set")
    pytest.skip(f"{name} is not installed")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _accepts(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def _wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    last = time.monotonic() + WAIT_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > last:
            process.kill()
            pytest.fail(f"{process.args!r} did not come up:\n{log.read_text(errors='replace')}")
        time.sleep(0.02)
