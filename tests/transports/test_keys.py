"""The keys that are offered at a login, with real key files and a real agent."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from mailvane.core.response import Reason, Unanswered
from mailvane.transports.keys import Keys, agent_of, keys_for


def made(folder: Path, name: str = "id", passphrase: str = "", kind: str = "ed25519") -> Path:
    """A new key file."""
    path = folder / name
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "x", "-f", str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.fixture
def agent() -> Iterator[str]:
    """The socket of a running agent without keys."""
    folder = Path(tempfile.mkdtemp(prefix="mailvane-agent-"))
    socket = folder / "socket"
    running = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    while not socket.exists():
        assert running.poll() is None
        time.sleep(0.01)
    yield str(socket)
    running.terminate()
    running.wait()  # it takes its socket with it
    shutil.rmtree(folder)


def added(path: Path, agent: str, passphrase: str, folder: Path) -> None:
    """The agent holds the key."""
    tells = folder / "tells"
    tells.write_text(f"#!/bin/sh\necho {passphrase}\n")
    tells.chmod(0o700)
    environment = {
        **os.environ,
        "SSH_AUTH_SOCK": agent,
        "SSH_ASKPASS": str(tells),
        "SSH_ASKPASS_REQUIRE": "force",
    }
    subprocess.run(["ssh-add", "-q", str(path)], env=environment, check=True, stdin=-3)


async def refused(path: Path, agent: str | None = None) -> Unanswered:
    """Why the key of that file cannot be used."""
    outcome = await keys_for(path, (), agent)
    assert isinstance(outcome, Unanswered)
    assert outcome.reason is Reason.AUTH
    return outcome


async def test_an_explicit_key_is_the_only_one(tmp_path: Path, agent: str) -> None:
    """Neither the configured keys nor those of the agent are offered beside it."""
    path, other = made(tmp_path), made(tmp_path, "other")
    keys = await keys_for(path, [str(other)], agent)
    assert isinstance(keys, Keys)
    assert [type(pair) for pair in keys.pairs] == [type(asyncssh.read_private_key(path))]
    assert keys.agent_path is None


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601])
async def test_a_key_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    """Any right of group or others makes it unfit, and the fix is the command."""
    path = made(tmp_path)
    path.chmod(mode)
    outcome = await refused(path)
    assert f"has mode {mode:04o}" in outcome.detail
    assert outcome.fix == f"chmod 600 {path}"


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
async def test_a_private_key_is_taken(tmp_path: Path, mode: int) -> None:
    """0600 and stricter will do."""
    path = made(tmp_path)
    path.chmod(mode)
    assert isinstance(await keys_for(path, (), None), Keys)


async def test_a_key_that_is_not_there_is_said(tmp_path: Path) -> None:
    """The file is named."""
    assert str(tmp_path / "nowhere") in (await refused(tmp_path / "nowhere")).detail


async def test_a_file_that_is_no_key_is_said(tmp_path: Path) -> None:
    """Garbage is not offered."""
    path = tmp_path / "garbage"
    path.write_text("garbage")
    path.chmod(0o600)
    assert "no private key that we can read" in (await refused(path)).detail


async def test_a_certificate_beside_the_key_is_offered(tmp_path: Path) -> None:
    """As OpenSSH does, `KEY-cert.pub` goes with the key."""
    path = made(tmp_path)
    path.with_name("id-cert.pub").write_text("x")
    keys = await keys_for(path, (), None)
    assert isinstance(keys, Keys)
    assert isinstance(keys.pairs[0], tuple)
    assert keys.pairs[0][1] == f"{path}-cert.pub"


async def test_a_locked_key_comes_from_the_agent(tmp_path: Path, agent: str) -> None:
    """A key with a passphrase is used when the agent holds it, and only that one of the agent's."""
    path, other = made(tmp_path, passphrase="secret"), made(tmp_path, "other", "secret")
    assert (await refused(path, agent)).fix == f"ssh-add {path}"
    added(other, agent, "secret", tmp_path)
    assert (await refused(path, agent)).fix == f"ssh-add {path}"
    added(path, agent, "secret", tmp_path)
    keys = await keys_for(path, (), agent)
    assert isinstance(keys, Keys)
    assert len(keys.pairs) == 1
    keys.close()


async def test_a_locked_key_without_an_agent_is_said(tmp_path: Path) -> None:
    """No agent, or one that is gone: the command that adds the key is the fix."""
    path = made(tmp_path, passphrase="secret")
    assert "has a passphrase" in (await refused(path)).detail
    assert "has a passphrase" in (await refused(path, str(tmp_path / "nobody"))).detail


async def test_configured_keys_that_are_there_are_taken(tmp_path: Path) -> None:
    """Of several IdentityFile lines, those that are missing or locked are left to the agent."""
    path, locked = made(tmp_path), made(tmp_path, "locked", "secret")
    keys = await keys_for(None, [str(tmp_path / "nowhere"), str(locked), str(path)], "/agent")
    assert isinstance(keys, Keys)
    assert len(keys.pairs) == 1
    assert keys.agent_path == "/agent"


async def test_a_configured_key_that_others_can_use_is_refused(tmp_path: Path) -> None:
    """The same rule for a key that the OpenSSH configuration names."""
    path = made(tmp_path)
    path.chmod(0o644)
    assert isinstance(await keys_for(None, [str(path)], None), Unanswered)


def test_the_agent_is_where_the_configuration_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """IdentityAgent wins over SSH_AUTH_SOCK; without either there is none."""
    monkeypatch.setenv("SSH_AUTH_SOCK", "/environment")
    assert agent_of("/configured") == "/configured"
    assert agent_of(None) == "/environment"
    monkeypatch.delenv("SSH_AUTH_SOCK")
    assert agent_of(None) is None
