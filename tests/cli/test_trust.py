"""Host keys: shown, compared, pinned; never taken on their own word."""

import re
from pathlib import Path

import asyncssh
import pytest

from mailvane.cli.command import CannotGoOn
from mailvane.cli.trust import NotTrusted, trust
from mailvane.core.response import Reason, Unanswered
from mailvane.core.server import Ssh
from mailvane.transports.hostkeys import HostKey, host_key

OLD, NEW, OTHER = (
    host_key("192.0.2.25", 22, asyncssh.generate_private_key(kind))
    for kind in ("ssh-ed25519", "ssh-ed25519", "ecdsa-sha2-nistp256")
)


class Shown:
    """Implements the part of SshTransport that trust uses: the keys that a server shows now."""

    def __init__(self, *keys: HostKey, failure: Unanswered | None = None) -> None:
        self.keys = list(keys)
        self.failure = failure

    async def offered_host_keys(self, reach: Ssh) -> list[HostKey] | Unanswered:
        """The keys, or why there are none."""
        del reach
        return self.failure or self.keys


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """The file of pinned keys, which is not there yet."""
    return tmp_path / "state" / "known_hosts"


def _text(known: Path) -> str | None:
    return known.read_text() if known.exists() else None


def _reach(known: Path) -> Ssh:
    return Ssh(host="192.0.2.25", known_hosts=(known,), config_files=(Path("/dev/null"),))


async def test_an_accepted_key_is_pinned_alone(known: Path) -> None:
    """Only the key whose fingerprint was compared is trusted."""
    new = await trust(Shown(NEW, OTHER), _reach(known), known, [NEW.fingerprint])
    assert new == [NEW]
    assert _text(known) == f"{NEW.line}\n"


async def test_a_pinned_key_is_not_asked_for_again(known: Path) -> None:
    """A server that shows what is pinned is trusted on, without terminal or option."""
    await trust(Shown(NEW), _reach(known), known, [NEW.fingerprint])
    assert await trust(Shown(OTHER, NEW), _reach(known), known, []) == []


async def test_another_fingerprint_pins_nothing(
    known: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An --accept that the server does not show is refused, with what it does show."""
    with pytest.raises(NotTrusted, match=re.escape(f"none of these is {OLD.fingerprint}; no")):
        await trust(Shown(NEW), _reach(known), known, [OLD.fingerprint])
    assert _text(known) is None
    assert f"  ssh-ed25519  {NEW.fingerprint}\n" in capsys.readouterr().err


async def test_without_a_terminal_it_refuses_and_says_how(known: Path) -> None:
    """Nobody to ask: exit status 2, the option to use, and nothing pinned."""
    with pytest.raises(NotTrusted, match=re.escape(f"add --accept {NEW.fingerprint}")) as caught:
        await trust(Shown(NEW), _reach(known), known, [])
    assert caught.value.exit_status == 2
    assert _text(known) is None


async def test_a_changed_key_is_loud_and_not_taken(
    known: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pinned and the shown fingerprint are both said; the old pin stays until the new is accepted."""
    await trust(Shown(OLD), _reach(known), known, [OLD.fingerprint])
    with pytest.raises(NotTrusted):
        await trust(Shown(NEW), _reach(known), known, [])
    said = capsys.readouterr().err
    assert "THE HOST KEY OF 192.0.2.25 HAS CHANGED. Pinned: ssh-ed25519 " + OLD.fingerprint in said
    assert _text(known) == f"{OLD.line}\n"
    await trust(Shown(NEW), _reach(known), known, [NEW.fingerprint])
    assert _text(known) == f"{NEW.line}\n"


async def test_a_server_that_shows_nothing_is_a_sentence(known: Path) -> None:
    """Why there is no key is said, with what to do."""
    failure = Unanswered(Reason.REFUSED, "port 22 refuses", "systemctl status ssh")
    with pytest.raises(CannotGoOn, match=r"192\.0\.2\.25: port 22 refuses\n→ systemctl status ssh"):
        await trust(Shown(failure=failure), _reach(known), known, [])


async def test_the_jump_host_must_be_trusted_too(known: Path) -> None:
    """A key on the way that was not accepted stops everything, though the server's own was."""
    reach = Ssh(
        host="192.0.2.25",
        jump="me@jump.test",
        known_hosts=(known,),
        config_files=(Path("/dev/null"),),
    )

    class Both(Shown):
        async def offered_host_keys(self, reach: Ssh) -> list[HostKey] | Unanswered:
            return [JUMP] if reach.host == "jump.test" else [NEW]

    with pytest.raises(NotTrusted, match="none of these"):
        await trust(Both(), reach, known, [NEW.fingerprint])
    new = await trust(Both(), reach, known, [NEW.fingerprint, JUMP.fingerprint])
    assert new == [JUMP, NEW]


JUMP = host_key("jump.test", 22, asyncssh.generate_private_key("ssh-ed25519"))
