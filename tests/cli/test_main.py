"""The real command in a process of its own: how it starts, ends and fails."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mailvane import __version__
from mailvane.cli import Mailvane, app
from mailvane.cli.reference import commands

Done = subprocess.CompletedProcess[str]
Mailvanes = Callable[..., Done]
CHECK = "checks:\n  - {name: one, command: 'echo 1', expect: '1'}\n"
LOCAL = "servers:\n  - {name: here, hostname: localhost, role: other, transport: local}\n" + CHECK


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home and a state folder of its own, and nothing of the tester's."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "MAILVANE_STATE": str(tmp_path / "state"),
    }


@pytest.fixture
def mailvane(tmp_path: Path, environment: dict[str, str]) -> Mailvanes:
    """Runs the command to its end, without a terminal."""

    def run(*arguments: str, python: tuple[str, ...] = ("-m", "mailvane"), **more: str) -> Done:
        return subprocess.run(
            [sys.executable, *python, *arguments],
            cwd=tmp_path,
            env=environment | more,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_the_version(mailvane: Mailvanes) -> None:
    """`--version` prints name and version."""
    assert mailvane("--version").stdout == f"mailvane {__version__}\n"


def test_help_needs_no_heavy_library(mailvane: Mailvanes) -> None:
    """`mailvane --help` is there at once: nothing is loaded that only a command needs."""
    look = "import sys; from mailvane.cli import main\ntry: main()\nfinally: print(*sys.modules)"
    loaded = set(mailvane("--help", python=("-c", look)).stdout.splitlines()[-1].split())
    assert "typer" in loaded
    heavy = {
        "asyncssh",
        "sqlalchemy",
        "fastapi",
        "pydantic",
        "structlog",
        "rich",
        "asyncio",
        "yaml",
    }
    assert loaded & heavy == set()


def test_the_help_lists_what_the_commands_say() -> None:
    """The sentence of each command in the list is the first line of its own help."""
    from typer.main import get_command

    loaded = {words[1:]: command for words, command in commands(get_command(app), ("mailvane",))}
    listed = {(name,): about for name, (_, about) in Mailvane.known.items()}
    assert {words: loaded[words].help.splitlines()[0] for words in listed} == listed


def test_what_a_local_server_says_is_real(mailvane: Mailvanes, tmp_path: Path) -> None:
    """A check of this very machine, over a configuration in this folder, as JSON on standard output."""
    (tmp_path / "mailvane.yaml").write_text(LOCAL)
    ran = mailvane("check", "--json")
    said = json.loads(ran.stdout)
    (report,) = said["reports"]
    one = next(result for result in report["results"] if result["check"] == "one")
    assert (report["name"], one["status"], ran.stderr) == ("here", "healthy", "")


def test_a_bug_in_a_check_leaves_the_output_alone(mailvane: Mailvanes, tmp_path: Path) -> None:
    """What the parts log does not get between the lines of the JSON, nor anywhere else."""
    (tmp_path / "mailvane.yaml").write_text(LOCAL)
    broken = (
        "import dataclasses, mailvane.checks as c, mailvane.cli as cli\n"
        "def bad(*_): raise RuntimeError('boom')\n"
        "old = c.catalogue()\n"
        "made = tuple(dataclasses.replace(x, judge=bad) if x.name == 'load' else x for x in old)\n"
        "import mailvane.app.joining as j\n"
        "j.catalogue = lambda: made\n"
        "cli.main()\n"
    )
    ran = mailvane("check", "--json", python=("-c", broken))
    results = json.loads(ran.stdout)["reports"][0]["results"]
    load = next(result for result in results if result["check"] == "load")
    assert (load["status"], load["reason"], ran.stderr) == ("unknown", "bug", "")
    assert "boom" in mailvane("check", python=("-c", broken), MAILVANE_DEBUG="1").stderr


@pytest.mark.parametrize(("command", "status"), [("check", 3), ("config", 1)])
def test_what_nobody_foresaw_is_a_sentence(mailvane: Mailvanes, command: str, status: int) -> None:
    """No traceback without MAILVANE_DEBUG; `check` ends with 3, which says nothing about servers."""
    broken = (
        "import mailvane.app as app, mailvane.cli as cli\n"
        "def bad(*_): raise RuntimeError('boom')\n"
        "app.load_settings = bad\n"
        "cli.main()\n"
    )
    arguments = ("config", "check") if command == "config" else ("check",)
    ran = mailvane(*arguments, python=("-c", broken))
    assert (ran.returncode, ran.stdout) == (status, "")
    assert ran.stderr.splitlines()[0] == "this is a bug in Mailvane: RuntimeError: boom"
    assert "Traceback" not in ran.stderr
    assert "Traceback" in mailvane(*arguments, python=("-c", broken), MAILVANE_DEBUG="1").stderr


def test_a_file_that_may_not_be_read_is_a_sentence(mailvane: Mailvanes, tmp_path: Path) -> None:
    """A folder for a configuration: file and reason, exit status 3, no traceback."""
    ran = mailvane("check", "--config", str(tmp_path))
    assert ran.returncode == 3
    assert ran.stderr.startswith(f"{tmp_path}: cannot read the configuration")


def test_a_reader_that_goes_away_is_no_trouble(mailvane: Mailvanes, tmp_path: Path) -> None:
    """`mailvane … | head` leaves no message behind."""
    shell = f"{sys.executable} -m mailvane config schema | head -1"
    ran = subprocess.run(
        ["sh", "-c", shell], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.stdout, ran.stderr) == ("{\n", "")


def test_accounts_without_a_service(mailvane: Mailvanes, tmp_path: Path) -> None:
    """Users and tokens can be made before `serve` ever ran; the database is ours alone."""
    assert mailvane("user", "add", "kim", "--role", "admin", "--generate").returncode == 0
    assert mailvane("token", "create", "grafana").stdout.startswith("mvt_")
    assert mailvane("user", "list").stdout.startswith("kim  admin  since ")
    for file in (tmp_path / "state").iterdir():
        assert file.stat().st_mode & 0o077 == 0


def test_completion_knows_the_servers(mailvane: Mailvanes, tmp_path: Path) -> None:
    """The shell's completion offers the configured servers and the checks."""
    (tmp_path / "mailvane.yaml").write_text(LOCAL)
    complete = {"_MAILVANE_COMPLETE": "complete_bash"}
    main = ("-c", "from mailvane.cli import main; main()")
    servers = mailvane(python=main, COMP_WORDS="mailvane check h", COMP_CWORD="2", **complete)
    checks = mailvane(python=main, COMP_WORDS="mailvane explain qu", COMP_CWORD="2", **complete)
    assert (servers.stdout.split(), checks.stdout.split()) == (["here"], ["queue"])


def test_serve_runs_until_it_is_told_to_end(environment: dict[str, str], tmp_path: Path) -> None:
    """`serve` says where to look, and ends on SIGTERM with exit status 0."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    (tmp_path / "mailvane.yaml").write_text(LOCAL + f"api: {{listen: '127.0.0.1:{free}'}}\n")
    with subprocess.Popen(
        [sys.executable, "-m", "mailvane", "serve"],
        cwd=tmp_path,
        env=environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as serving:
        assert serving.stdout
        first = serving.stdout.readline()
        serving.send_signal(signal.SIGTERM)
        rest = serving.stdout.read()
        assert serving.wait(60) == 0, rest
    assert first.startswith(f"Mailvane {__version__} watches")
