"""`mailvane config`, over real files."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mailvane.cli import app


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_good_configuration_is_summed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found, on success; warnings on standard error."""
    monkeypatch.setenv("MAILVANE_STATE", "/nonexistent/state")
    file = tmp_path / "mailvane.yaml"
    file.write_text(
        "servers:\n"
        "  - {name: a, hostname: a.test, ssh: {key: /nonexistent/key}, region: x}\n"
        "  - {name: b, hostname: b.test, transport: local, role: api}\n"
        "checks:\n"
        "  - {name: relay, command: postconf -h relayhost, expect: x}\n"
    )
    ran = _run("config", "check", "-c", str(file))
    assert ran.stdout == (
        f"{file} can be used\n"
        "2 servers: 1 mail, 1 api\n"
        "1 region: x\n"
        "1 check of your own: relay\n"
        "state in /nonexistent/state\n"
    )
    assert ran.stderr.startswith(
        f"warning: {file}:2: servers[0].ssh.key: cannot see /nonexistent/key"
    )
    assert ran.exit_code == 0


def test_ten_mistakes_are_ten_lines(tmp_path: Path) -> None:
    """All at once, each with its line and key, on standard error; exit status 1."""
    file = tmp_path / "mailvane.yaml"
    mistakes = [f"  - {{name: s{n}, hostname: 'a;{n}', transport: local}}" for n in range(10)]
    file.write_text("\n".join(["servers:", *mistakes, ""]))
    ran = _run("config", "check", "-c", str(file))
    assert (ran.stdout, ran.exit_code) == ("", 1)
    places = [line.split(" ")[:2] for line in ran.stderr.splitlines()]
    assert places == [[f"{file}:{n + 2}:", f"servers[{n}].hostname:"] for n in range(10)]


def test_secrets_are_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`config show` prints JSON with every default, and no secret."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://m:hunter2@db.test/x")
    file = tmp_path / "mailvane.yaml"
    file.write_text("delivery: {database: '${DATABASE_URL}'}\nstore: {url: '${DATABASE_URL}'}\n")
    ran = _run("config", "show", "-c", str(file))
    assert json.loads(ran.stdout)["store"] == "***"
    assert "hunter2" not in ran.stdout


def test_the_schema_is_json() -> None:
    """`config schema` prints the schema for editors alone."""
    said = json.loads(_run("config", "schema").stdout)
    assert said["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "servers" in said["properties"]
