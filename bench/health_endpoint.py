"""The health document with a token check, cached: against a bare ASGI application and against nginx.

All three serve the same bytes on loopback to the same client (wrk, 32 connections), in turns.
Mailvane's turns are taken once while all is quiet and once while one server is dead and sweeps run every second.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from _figures import Figure, tell

ROUNDS = 3
SECONDS = 4
CONNECTIONS = 32
BIN = Path(sys.executable).parent

NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.err; worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off; default_type application/json; keepalive_requests 100000000;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port}; root {folder}/www; }}
}}
"""
QUIET = """
servers:
  - {{name: here, hostname: localhost, transport: local, role: mail, region: r, zone: z}}
api: {{listen: "127.0.0.1:{port}"}}
"""
BUSY = """
servers:
  - {{name: here, hostname: localhost, transport: local, role: mail, region: r, zone: z}}
  - {{name: dead, hostname: localhost, ssh: {{host: 127.0.0.1, port: {dead}, user: nobody}}, role: mail}}
api: {{listen: "127.0.0.1:{port}"}}
cache: {{refresh_every: 1s, fresh_for: 60s}}
"""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def running(command: list[object], url: str, token: str = "", **environ: str) -> Iterator[None]:
    """The server runs and answers; it is ended by its pid."""
    process = subprocess.Popen(
        [str(word) for word in command],
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(url, token)
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for(url: str, token: str) -> bytes:
    """What the URL answers, once it does."""
    end = time.monotonic() + 60
    while True:
        try:
            return get(url, token)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def get(url: str, token: str) -> bytes:
    """The body at the URL."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=40) as answer:
        return bytes(answer.read())


def load(url: str, token: str) -> tuple[float, float]:
    """Requests per second and the 99th percentile in milliseconds, as wrk sees them, of a warm server."""
    get(url, token)
    words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "-H"]
    said = subprocess.run(
        [*words, f"Authorization: Bearer {token}", url], capture_output=True, text=True, check=True
    ).stdout
    if "Non-2xx" in said:
        raise SystemExit(f"bench: {url} did not answer 200: {said}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])  # type: ignore[index]
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", said).groups()  # type: ignore[union-attr]
    return rate, float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


@contextlib.contextmanager
def mailvane(folder: Path, config: str) -> Iterator[tuple[str, str]]:
    """A real `mailvane serve` with a viewer's token; yields URL and token."""
    port = free_port()
    file = folder / "mailvane.yaml"
    folder.mkdir()
    file.write_text(config.format(port=port, dead=silent_port()))
    words: list[object] = [BIN / "mailvane", "--config", file, "--state", folder / "state"]
    token = create_token([str(word) for word in words])
    url = f"http://127.0.0.1:{port}/admin/system/health"
    with running([*words, "serve"], url, token):
        yield url, token


def create_token(command: list[str]) -> str:
    """A token of a viewer, as the command line makes it."""
    made = subprocess.run(
        [*command, "token", "create", "bench", "--role", "viewer"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return re.search(r"mvt_\S+", made)[0]  # type: ignore[index]


def silent_port() -> int:
    """A port that accepts and never says a word: a dead server that costs the most."""
    one = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def accept() -> None:
        while True:
            held.append(one.accept()[0])

    threading.Thread(target=accept, daemon=True).start()
    return int(one.getsockname()[1])


@contextlib.contextmanager
def peers(folder: Path, body: bytes, token: str) -> Iterator[tuple[str, str]]:
    """The bare application and nginx serve the same bytes; yields their URLs."""
    (folder / "www").mkdir()
    file = folder / "www" / "health.json"
    file.write_bytes(body)
    folder.chmod(0o755)
    bare, static = free_port(), free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=static))
    uvicorn = [BIN / "uvicorn", "_bare:app", "--app-dir", Path(__file__).parent, "--port", bare]
    quiet = ["--no-access-log", "--log-level", "warning", "--lifespan", "off"]
    bare_url, static_url = f"http://127.0.0.1:{bare}/", f"http://127.0.0.1:{static}/health.json"
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    with (
        running([*uvicorn, *quiet], bare_url, token, BARE_BODY=str(file), BARE_TOKEN=token),
        running([nginx, "-c", folder / "nginx.conf", "-p", folder], static_url),
    ):
        yield bare_url, static_url


def main() -> None:
    """The figures stand on the terminal."""
    with (
        tempfile.TemporaryDirectory(prefix="mailvane-bench-") as temporary,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(temporary)
        quiet, token = stack.enter_context(mailvane(folder / "quiet", QUIET))
        busy, busy_token = stack.enter_context(mailvane(folder / "busy", BUSY))
        body = get(quiet, token)
        json.loads(body)
        bare, static = stack.enter_context(peers(folder, body, token))
        turns = {"quiet": (quiet, token), "busy": (busy, busy_token)}
        turns |= {"bare": (bare, token), "nginx": (static, "")}
        seen: dict[str, list[tuple[float, float]]] = {name: [] for name in turns}
        for _ in range(ROUNDS):
            for name, (url, key) in turns.items():
                seen[name].append(load(url, key))
        rate = {name: median(r for r, _ in values) for name, values in seen.items()}
        p99 = {name: median(p for _, p in values) for name, values in seen.items()}
    tell(
        f"GET /admin/system/health, {len(body)} bytes, {rate['quiet']:.0f} requests a second",
        [
            Figure("health.bare_ratio", rate["quiet"] / rate["bare"], "×", "bare ASGI", 0.9, True),
            Figure("health.nginx_ratio", rate["quiet"] / rate["nginx"], "×", "nginx", 0.5, True),
            Figure("health.p99", p99["quiet"], "ms", f"bare {p99['bare']:.2f} ms"),
            Figure("health.p99_dead_server_and_sweeps", p99["busy"], "ms", "quiet"),
            Figure("health.busy_ratio", rate["busy"] / rate["quiet"], "×", "quiet"),
        ],
    )


if __name__ == "__main__":
    main()
