"""`mailvane doctor` over the real parts, on this machine."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mailvane.cli import app

Doctor = Callable[..., Result]
HERE = "servers:\n  - {name: here, hostname: localhost, role: other, transport: local}\n"


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Runs `mailvane doctor` on a configuration, with a state folder of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(configuration: str, *arguments: str, state: str = "state") -> Result:
        file = tmp_path / "mailvane.yaml"
        file.write_text(configuration)
        folder = str(tmp_path / state)
        line = ["doctor", "--config", str(file), "--state", folder, *arguments]
        return CliRunner().invoke(app, line)

    return run


def _lines(ran: Result, about: str) -> list[str]:
    """What is said about something, with the fix below it."""
    lines = ran.stdout.splitlines()
    found = []
    for at, line in enumerate(lines):
        words = line.split()
        if words[1:2] == about.split()[:1] and words[0] != "→" and about in line:
            found.append(" ".join(words))
            if lines[at + 1 : at + 2] and "→" in lines[at + 1]:
                found.append(lines[at + 1].strip())
    return found


def test_this_machine_is_looked_at(doctor: Doctor, tmp_path: Path) -> None:
    """Configuration, state folder, database, and the server that is this machine; each a line."""
    ran = doctor(HERE)
    assert _lines(ran, "configuration") == [f"● configuration {tmp_path}/mailvane.yaml, 1 server"]
    assert "is not there yet" in _lines(ran, "state folder")[0]
    assert "is not there yet" in _lines(ran, "database")[0]
    assert not (tmp_path / "state").exists()
    assert _lines(ran, "clock") == ["● clock as this machine's, within 5 s"]
    assert _lines(ran, "tools") == ["● tools all there"]
    assert _lines(ran, "name")[0].startswith("● name localhost is ")
    assert ran.exit_code in (0, 1), ran.stdout


def test_a_wrong_configuration_is_an_error(doctor: Doctor, tmp_path: Path) -> None:
    """Every problem is an error with its place; what is not configured cannot be looked at."""
    ran = doctor("servers:\n  - {name: a b, hostname: x;y, transport: local}\n")
    assert len(_lines(ran, "configuration")) == 2
    assert all(f"✖ configuration {tmp_path}" in line for line in _lines(ran, "configuration"))
    assert ran.stdout.endswith("2 errors, 0 warnings, 1 fine\n")
    assert ran.exit_code == 2


def test_others_may_not_look_into_the_state_folder(doctor: Doctor, tmp_path: Path) -> None:
    """A state folder that others can read is a warning with the command that closes it."""
    (tmp_path / "state").mkdir(mode=0o755)
    assert _lines(doctor(HERE), "state folder") == [
        f"▲ state folder {tmp_path}/state has mode 0755: others can look into it",
        f"→ chmod 700 {tmp_path}/state",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
def test_the_state_folder_of_another_user_is_a_warning(doctor: Doctor, tmp_path: Path) -> None:
    """Who looks as root is told as whom to look."""
    (tmp_path / "state").mkdir(mode=0o700)
    os.chown(tmp_path / "state", 65534, 65534)
    told, fix = _lines(doctor(HERE), "state folder")
    assert "belongs to nobody, and this is root" in told
    assert fix == "→ sudo -u nobody mailvane doctor"


def test_keys_that_others_can_use_are_errors(doctor: Doctor, tmp_path: Path) -> None:
    """A key with a wrong mode and one that is missing are each told with what to do."""
    (tmp_path / "key").write_text("x")
    (tmp_path / "key").chmod(0o644)
    server = "  - {name: m, hostname: localhost, ssh: {port: 1, key: %s}}\n"
    ran = doctor("servers:\n" + server % "key" + server.replace("name: m", "name: n") % "gone")
    keys = _lines(ran, "key")
    assert keys[0] == f"✖ key the key {tmp_path}/key has mode 0644: others can use it"
    assert keys[1] == f"→ chmod 600 {tmp_path}/key"
    assert keys[2].startswith(f"✖ key the key {tmp_path}/gone cannot be read")
    assert ran.exit_code == 2


def test_a_server_that_refuses_is_an_error(doctor: Doctor) -> None:
    """The way there is told as an error, and the checks, which could not be tried, are not."""
    ran = doctor("servers:\n  - {name: m, hostname: localhost, ssh: {user: x, port: 1}}\n")
    assert _lines(ran, "way there") == [
        "✖ way there port 1 refused: connection refused",
        "→ mailvane access m --only firewall",
    ]
    assert _lines(ran, "check") == []
    assert ran.exit_code == 2


def test_a_name_without_an_address_is_an_error(doctor: Doctor) -> None:
    """A mail server that the world cannot find is an error, with the question to ask DNS."""
    ran = doctor("servers:\n  - {name: m, hostname: m.invalid, transport: local}\n")
    told, fix = _lines(ran, "name")
    assert told.startswith("✖ name m.invalid has no address: ")
    assert fix == "→ dig m.invalid A m.invalid AAAA"


def test_another_address_than_configured_is_a_warning(doctor: Doctor) -> None:
    """DNS and configuration disagree: both are named."""
    text = HERE.replace("hostname: localhost", "hostname: localhost, address: 192.0.2.25")
    assert any(
        line.startswith("▲ name localhost is ") and "not 192.0.2.25 as configured" in line
        for line in _lines(doctor(text), "name")
    )


def test_a_database_that_is_there_answers(doctor: Doctor, tmp_path: Path) -> None:
    """After the first user it is told how long it took to answer."""
    state = ["--state", str(tmp_path / "state")]
    CliRunner().invoke(app, [*state, "user", "add", "kim", "--generate"])
    (told,) = _lines(doctor(HERE), "database")
    assert told.startswith("● database sqlite answers in ")
    assert told.endswith(" ms")


def test_a_database_that_is_away_is_an_error(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told without its password."""
    monkeypatch.setenv("STORE", "postgresql://m:hunter2@127.0.0.1:1/x")
    ran = doctor(HERE + "store: {url: '${STORE}'}\n")
    assert _lines(ran, "database")[0].startswith("✖ database does not answer: ")
    assert "hunter2" not in ran.stdout
    assert ran.exit_code == 2


def test_redis_is_looked_at_when_there_is_one(
    doctor: Doctor, redis_url: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that answers is fine; one that is away is a warning, since nothing depends on it."""
    monkeypatch.setenv("REDIS", redis_url.url)
    text = HERE + "cache: {url: '${REDIS}'}\n"
    assert _lines(doctor(text), "redis") == ["● redis answers"]
    redis_url.stop()
    away = doctor(text)
    assert _lines(away, "redis")[0].startswith("▲ redis does not answer: ")
    assert away.exit_code in (1, 2)


def test_a_database_of_another_version_is_a_warning(doctor: Doctor, tmp_path: Path) -> None:
    """Tables that this version did not make are told; nothing is changed in them."""
    import sqlite3

    (tmp_path / "state").mkdir(mode=0o700)
    with sqlite3.connect(tmp_path / "state" / "mailvane.db") as made:
        made.execute("create table alembic_version (version_num varchar(32))")
        made.execute("insert into alembic_version values ('9999')")
    made.close()
    told, _ = _lines(doctor(HERE), "database")
    assert told == "▲ database has the tables of another version of Mailvane"


def test_an_unknown_server_is_told(doctor: Doctor) -> None:
    """A mistyped name is an error with the nearest one."""
    ran = doctor(HERE, "hree")
    assert (ran.exit_code, ran.stderr.splitlines()[0]) == (
        1,
        "there is no server named 'hree'; did you mean here?",
    )
