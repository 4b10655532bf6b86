"""Connections through jump hosts, and what servers share."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailvane.core.request import Request, ShellCommand, TcpConnect
from mailvane.core.response import Answered, Reason, Unanswered
from mailvane.core.server import Server
from mailvane.transports.ssh import SshTransport
from tests.sshd import Sshd

HI = ShellCommand("echo hi")


@pytest.fixture
def bastion(sshd: Sshd) -> Iterator[Sshd]:
    """A second sshd, that lets the key of the first one in."""
    folder = Path(tempfile.mkdtemp(prefix="mailvane-bastion-"))
    server = Sshd(folder)
    shutil.copy(sshd.folder / "client.pub", folder / "authorized_keys")
    with sshd.known_hosts.open("a") as pinned:
        pinned.write(server.known_hosts.read_text())
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def behind(sshd: Sshd, bastion: Sshd, name: str = "mx", **more: object) -> Server:
    """The server as it is reached through the bastion."""
    jump = f"{sshd.reach().user}@127.0.0.1:{bastion.port}"
    reach = sshd.reach(jump=jump, **more)
    return Server(name=name, hostname="mx.example", reach=reach)


async def ask(ssh: SshTransport, server: Server, request: Request[Any] = HI) -> Any:
    """The response to one request."""
    return (await ssh.send(server, [request]))[request]


async def test_a_jump_host_leads_to_the_server(
    ssh: SshTransport, sshd: Sshd, bastion: Sshd
) -> None:
    """The command runs on the server; both were logged in to with the key."""
    answer = await ask(ssh, behind(sshd, bastion))
    assert isinstance(answer, Answered), answer
    assert "Accepted publickey" in bastion.log()
    assert "Accepted publickey" in sshd.log()


async def test_reach_is_judged_through_the_jump_host(
    ssh: SshTransport, sshd: Sshd, bastion: Sshd
) -> None:
    """The server's own port answers; how long TCP took on the far side is not known."""
    answer = await ask(ssh, behind(sshd, bastion), TcpConnect("127.0.0.1", ()))
    assert isinstance(answer, Answered), answer
    assert (answer.value.port, answer.value.seconds) == (sshd.port, None)


async def test_servers_share_a_jump_host(ssh: SshTransport, sshd: Sshd, bastion: Sshd) -> None:
    """Three servers behind it make one login there; it is closed when the last one is forgotten."""
    names = ["a", "b", "c"]
    answers = await asyncio.gather(*(ask(ssh, behind(sshd, bastion, name)) for name in names))
    assert all(isinstance(answer, Answered) for answer in answers)
    assert bastion.connections == 1
    for name in names[:2]:
        await ssh.forget(name)
    assert isinstance(await ask(ssh, behind(sshd, bastion, "c")), Answered)
    assert bastion.sessions()
    await ssh.forget("c")
    for _ in range(100):
        if not bastion.sessions():
            break
        await asyncio.sleep(0.05)
    assert bastion.sessions() == []


async def test_the_configuration_may_name_the_jump_host(
    ssh: SshTransport, sshd: Sshd, bastion: Sshd, tmp_path: Path
) -> None:
    """ProxyJump by an alias with settings of its own; its host key is pinned as well."""
    config = tmp_path / "config"
    config.write_text(
        f"Host door\n HostName 127.0.0.1\n Port {bastion.port}\n IdentityFile {sshd.key}\n"
        f" User {sshd.reach().user}\nHost 127.0.0.1\n ProxyJump door\n"
    )
    # The jump's own lookup of 127.0.0.1 is by the alias, so that it does not jump over itself.
    server = sshd.server(config_files=(config,))
    assert isinstance(await ask(ssh, server), Answered)
    assert "Accepted publickey" in bastion.log()


async def test_a_jump_host_with_an_unknown_key_is_not_used(
    ssh: SshTransport, sshd: Sshd, bastion: Sshd
) -> None:
    """Nothing goes through it, and the server is not said to be unreachable."""
    sshd.pin()
    for request in (HI, TcpConnect("127.0.0.1", ())):
        answer = await ask(ssh, behind(sshd, bastion), request)
        assert isinstance(answer, Unanswered)
        assert answer.reason is Reason.PROTOCOL
        assert bastion.fingerprint() in answer.detail
    assert "Accepted" not in bastion.log()
    assert sshd.connections == 0


async def test_a_jump_host_that_is_down_says_nothing_about_the_server(
    ssh: SshTransport, sshd: Sshd, bastion: Sshd
) -> None:
    """Unknown for that reason, neither timeout nor refused; a port reached directly shows it is there."""
    bastion.stop()
    asked = TcpConnect("127.0.0.1", (1,))
    answer = await ask(ssh, behind(sshd, bastion), asked)
    assert isinstance(answer, Unanswered)
    assert answer.reason is Reason.PROTOCOL
    assert "the jump host 127.0.0.1" in answer.detail
    open_port = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = open_port.sockets[0].getsockname()[1]
    reached = await ask(ssh, behind(sshd, bastion), TcpConnect("127.0.0.1", (port,)))
    open_port.close()
    assert isinstance(reached, Answered)


async def test_a_server_that_is_down_behind_a_jump_host(
    ssh: SshTransport, sshd: Sshd, bastion: Sshd
) -> None:
    """The jump host says that it is refused, and knocks at the other ports."""
    sshd.stop()
    asked = TcpConnect("127.0.0.1", (1,))
    answer = await ask(ssh, behind(sshd, bastion), asked)
    assert isinstance(answer, Unanswered)
    assert answer.reason is Reason.REFUSED
    assert f"port {sshd.port} could not be connected from 127.0.0.1" in answer.detail
    assert "port 1 refused" in answer.detail
    reached = await ask(ssh, behind(sshd, bastion), TcpConnect("127.0.0.1", (bastion.port,)))
    assert isinstance(reached, Answered)
    assert reached.value.port == bastion.port


async def test_a_jump_host_that_forbids_it_is_said(
    ssh: SshTransport, sshd: Sshd, bastion: Sshd
) -> None:
    """AllowTcpForwarding no is told from a server that is down."""
    bastion.stop()
    bastion.start("AllowTcpForwarding no")
    answer = await ask(ssh, behind(sshd, bastion))
    assert isinstance(answer, Unanswered)
    assert answer.reason is Reason.PROTOCOL
    assert "does not let us through" in answer.detail
    assert f"PermitOpen 127.0.0.1:{sshd.port}" in (answer.fix or "")


async def test_a_refused_login_behind_a_jump_host_is_not_repeated(
    ssh: SshTransport, sshd: Sshd, bastion: Sshd
) -> None:
    """The pause counts there, too, and the machine counts as reached."""
    (sshd.folder / "authorized_keys").write_text("")
    for _ in range(3):
        answer = await ask(ssh, behind(sshd, bastion))
        assert isinstance(answer, Unanswered)
        assert answer.reason is Reason.AUTH
    reached = await ask(ssh, behind(sshd, bastion), TcpConnect("127.0.0.1", ()))
    assert isinstance(reached, Answered)
    assert sshd.connections == 1


async def test_host_keys_are_shown_through_a_jump_host(
    ssh: SshTransport, sshd: Sshd, bastion: Sshd
) -> None:
    """For a server that only the bastion can see."""
    offered = await ssh.offered_host_keys(behind(sshd, bastion).reach)  # type: ignore[arg-type]
    assert isinstance(offered, list)
    assert [key.fingerprint for key in offered] == [sshd.fingerprint()]


async def test_a_jump_host_that_was_lost_is_found_again(
    ssh: SshTransport, sshd: Sshd, bastion: Sshd
) -> None:
    """When its connections are cut, the next sweep goes through a new one."""
    assert isinstance(await ask(ssh, behind(sshd, bastion)), Answered)
    bastion.cut()
    await asyncio.sleep(0.1)
    assert isinstance(await ask(ssh, behind(sshd, bastion)), Answered)
