"""A real `mailvane serve`, from its first words to its end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

MAILVANE = Path(sys.executable).with_name("mailvane")
PATIENCE_SECONDS = 60
SECRET = "a secret of the platform, 32 bytes"
ORIGIN = "https://admin.example.com"
CONFIG = """
servers:
  - {{name: here, hostname: localhost, transport: local, region: us-east-1, zone: us-east-1a}}
{more}
api: {{listen: "127.0.0.1:{port}", origins: ["https://admin.example.com"]}}
auth:
  platform:
    secret: ${{JWT_SECRET}}
    algorithms: [HS256]
    role_claim: role
    roles: {{super_admin: admin}}
"""
SECOND = "  - {name: second, hostname: localhost, transport: local, role: api}"


class Service:
    """A running service and what it has said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self.config = folder / "mailvane.yaml"
        self.write("")
        self.log = folder / "said"
        self.words = [
            str(w) for w in (MAILVANE, "--config", self.config, "--state", folder / "state")
        ]
        self.environ = {**os.environ, "JWT_SECRET": SECRET}

    def write(self, more: str) -> None:
        """The configuration is the usual one with more servers."""
        self.config.write_text(CONFIG.format(port=self.port, more=more))

    def start(self) -> "subprocess.Popen[bytes]":
        """The process; its words go to `log`."""
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [*self.words, "serve"], stdout=log, stderr=log, env=self.environ
            )

    def said(self) -> str:
        """All that it has said so far."""
        return self.log.read_text()

    def until(self, true: Callable[[], bool]) -> None:
        """That is true now."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not true():
            assert time.monotonic() < end, self.said()
            time.sleep(0.05)

    def ask(
        self, path: str, token: str = "", body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON of the answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **headers},
        )
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, dict(answer.headers), json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), json.load(error)

    def names(self, token: str) -> list[str]:
        """The servers that are watched."""
        return [server["name"] for server in self.ask("/api/v1/servers", token)[2]["servers"]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Any]]:
    """A service that answers, and its process."""
    service = Service(tmp_path_factory.mktemp("service"))
    process = service.start()
    try:
        service.until(lambda: "log in" in service.said() or process.poll() is not None)
        service.until(lambda: answers(service) or process.poll() is not None)
        yield service, process
    finally:
        process.kill()
        process.wait()


def answers(service: Service) -> bool:
    """Whether it is alive."""
    try:
        return service.ask("/healthz")[0] == 200
    except OSError:
        return False


def platform_token(secret: str = SECRET, **claims: Any) -> str:
    """A token as the platform issues it."""
    good = {"sub": "kim", "role": "super_admin", "exp": int(time.time()) + 600}
    return jwt.encode({"alg": "HS256"}, {**good, **claims}, OctKey.import_key(secret))


@pytest.fixture(scope="module")
def token(running: tuple[Service, Any]) -> str:
    """The access token of the first admin, by the password that was printed."""
    service, _ = running
    password = re.search(r"with the password (\S+)", service.said())
    assert password
    status, _, said = service.ask(
        "/api/v1/auth/login", body={"username": "admin", "password": password[1]}
    )
    assert status == 200
    access: str = said["access_token"]
    return access


def test_the_first_words_say_where_to_look_and_how_to_log_in(running: tuple[Service, Any]) -> None:
    """Address, password and how to add a server are on the terminal."""
    said = running[0].said()
    assert f"http://127.0.0.1:{running[0].port}/admin/system/health" in said
    assert re.search(r"log in +as admin with the password \S{20,}", said)
    assert re.search(r"add +\S*mailvane add USER@HOST", said)


def test_the_health_of_this_machine_is_told(running: tuple[Service, Any], token: str) -> None:
    """The document has every part that others rely on, and its age."""
    status, headers, said = running[0].ask("/admin/system/health", token)
    assert status == 200
    assert set(said) == {"status", "timestamp", "overview", "components", "regions"}
    assert said["components"]["mailServer"]["server"] == "localhost"
    assert said["components"]["database"]["status"] == "healthy"
    assert said["components"]["mailServer"]["ageSeconds"] >= 0
    assert headers["etag"].startswith('W/"')


def test_the_platforms_admins_are_let_in(running: tuple[Service, Any]) -> None:
    """A token that the platform signed is enough; its roles are mapped."""
    assert running[0].ask("/admin/system/health", platform_token())[0] == 200
    assert running[0].ask("/admin/system/health", platform_token(role="customer"))[0] == 403


@pytest.mark.parametrize(
    "token",
    [
        "",
        "nonsense",
        platform_token(exp=1),
        platform_token(secret="another secret, also of 32 bytes"),
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJraW0iLCJyb2xlIjoic3VwZXJfYWRtaW4iLCJleHAiOjQxMDI0NDQ4MDB9.",
    ],
    ids=["none", "nonsense", "expired", "foreign key", "alg none"],
)
def test_a_bad_token_is_401_without_a_hint(running: tuple[Service, Any], token: str) -> None:
    """One sentence, the same for all."""
    status, headers, said = running[0].ask("/admin/system/health", token)
    assert (status, headers["content-type"]) == (401, "application/problem+json")
    assert said["title"] == running[0].ask("/admin/system/health", "x")[2]["title"]
    assert said.get("detail") == running[0].ask("/admin/system/health", "x")[2].get("detail")


def test_only_the_configured_origin_may_call(running: tuple[Service, Any], token: str) -> None:
    """The platform's admin portal reads the answer from its own origin; others do not."""
    path = "/admin/system/health"
    assert running[0].ask(path, token, Origin=ORIGIN)[1]["access-control-allow-origin"] == ORIGIN
    assert (
        "access-control-allow-origin" not in running[0].ask(path, token, Origin="https://e.test")[1]
    )


def test_a_hangup_takes_a_good_file_and_keeps_the_old_one_otherwise(
    running: tuple[Service, Any], token: str
) -> None:
    """A wrong file is told with line and key, and changes nothing; the next good one is in force."""
    service, process = running
    service.write("  - {name: second, hostname: 'a;b', transport: local}\n  - {nmae: x}")
    process.send_signal(signal.SIGHUP)
    service.until(lambda: "not taken" in service.said())
    assert re.search(r"mailvane.yaml:4: servers\[1\]\.hostname: ", service.said())
    assert service.names(token) == ["here"]
    service.write(SECOND)
    process.send_signal(signal.SIGHUP)
    service.until(lambda: service.names(token) == ["here", "second"])


def test_a_taken_address_is_said(running: tuple[Service, Any], tmp_path: Path) -> None:
    """A second service on the same port ends at once with a sentence."""
    service = running[0]
    words = [*service.words[:3], "--state", str(tmp_path / "other"), "serve"]
    done = subprocess.run(
        words, capture_output=True, text=True, env=service.environ, check=False, timeout=60
    )
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{service.port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_ends_in_order(running: tuple[Service, Any]) -> None:
    """SIGTERM ends it with status 0 and without a traceback; last of all tests here."""
    service, process = running
    process.terminate()
    assert process.wait(timeout=60) == 0
    assert "Traceback" not in service.said()


def test_the_password_is_shown_once(running: tuple[Service, Any]) -> None:
    """The next start says no password, since there is a user."""
    service, first = running
    first.terminate()
    first.wait(timeout=60)
    process = service.start()
    try:
        service.until(lambda: "log in" in service.said())
        assert "password " not in service.said().replace("user password", "")
    finally:
        process.terminate()
        process.wait(timeout=60)
