"""SSH against a real OpenSSH server."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvloop

from mailvane.core.request import Request, Right, ShellCommand, ShellOutput, TcpConnect, TcpReach
from mailvane.core.response import Answered, Reason, Unanswered
from mailvane.core.server import Local, Server
from mailvane.transports.hostkeys import pin
from mailvane.transports.ssh import SshTransport
from tests.sshd import Sshd

HI = ShellCommand("echo hi")
REACH = TcpConnect("127.0.0.1", ())


async def ask(ssh: SshTransport, server: Server, request: Request[Any] = HI) -> Any:
    """The response to one request."""
    return (await ssh.send(server, [request]))[request]


async def output(ssh: SshTransport, server: Server, script: str = "echo hi") -> bytes:
    """What a script writes."""
    response = await ask(ssh, server, ShellCommand(script))
    assert isinstance(response, Answered), response
    return bytes(response.value.output)


async def refused(ssh: SshTransport, server: Server, reason: Reason) -> Unanswered:
    """Why a command has no answer, which is for that reason."""
    response = await ask(ssh, server)
    assert isinstance(response, Unanswered), response
    assert response.reason is reason, response
    return response


async def soon(ssh: SshTransport, server: Server, request: Request[Any] = HI) -> Any:
    """The answer, as soon as the pause after a failure is over."""
    for _ in range(120):
        if isinstance(response := await ask(ssh, server, request), Answered):
            return response.value
        await asyncio.sleep(0.1)
    pytest.fail(f"still {response}")


async def test_commands_are_answered(ssh: SshTransport, sshd: Sshd) -> None:
    """Status, output and error are exact, NULs and a missing newline included."""
    commands = [
        ShellCommand(r"printf 'a\000b'; echo err >&2; exit 3"),
        ShellCommand("if ("),
        ShellCommand("echo after"),
    ]
    responses = await ssh.send(sshd.server(), commands)
    values = [response.value for response in responses.values() if isinstance(response, Answered)]
    assert values[0] == ShellOutput(3, b"a\0b", b"err\n")
    assert values[1].status == 2
    assert values[2].output == b"after\n"


async def test_one_connection_and_one_shell_serve_all_sweeps(ssh: SshTransport, sshd: Sshd) -> None:
    """Reach and commands of three sweeps make one login, and the same process answers."""
    seen = set()
    for _ in range(3):
        assert isinstance(await ask(ssh, sshd.server(), REACH), Answered)
        seen.add(await output(ssh, sshd.server(), "echo $$"))
    assert len(seen) == 1
    assert sshd.connections == 1


async def test_reach_is_shown_by_the_connection_itself(ssh: SshTransport, sshd: Sshd) -> None:
    """The first time with the seconds that connecting took, and a machine that answers with its port."""
    first = await ask(ssh, sshd.server(), REACH)
    assert isinstance(first.value, TcpReach)
    assert (first.value.port, first.value.refused) == (sshd.port, ())
    assert first.value.seconds is not None
    assert "Accepted publickey" in sshd.log()


async def test_a_hanging_command_leaves_the_others_alone(ssh: SshTransport, sshd: Sshd) -> None:
    """It is stopped with its children, over a second channel of the same connection."""
    hang = ShellCommand("sleep 7801 | sleep 7802", timeout_seconds=0.3)
    after = ShellCommand("echo after; pgrep -f '[s]leep 780'")
    responses = await ssh.send(sshd.server(), [HI, hang, after])
    assert isinstance(responses[hang], Unanswered)
    response = responses[after]
    assert isinstance(response, Answered)
    assert response.value.output == b"after\n"
    assert sshd.connections == 1


@pytest.mark.parametrize(
    "forced",
    [
        "echo Welcome; echo mail for you >&2; exec /bin/sh",
        "/bin/sh",
        "printf 'no newline'; exec bash --posix",
    ],
)
async def test_whatever_the_login_does_first(ssh: SshTransport, sshd: Sshd, forced: str) -> None:
    """Noise of start-up files and a forced command that is a shell do not matter."""
    sshd.stop()
    sshd.start(f"ForceCommand {forced}")
    assert await output(ssh, sshd.server()) == b"hi\n"


async def test_an_account_without_a_shell_is_said(ssh: SshTransport, sshd: Sshd) -> None:
    """The login works, the shell ends: unanswered with what it printed."""
    sshd.stop()
    sshd.start("ForceCommand echo not available; sleep 0.3")
    response = await refused(ssh, sshd.server(), Reason.PROTOCOL)
    assert "not available" in response.detail


async def test_a_connection_lost_between_sweeps_is_opened_anew(
    ssh: SshTransport, sshd: Sshd
) -> None:
    """The next sweep has its answers."""
    assert await output(ssh, sshd.server()) == b"hi\n"
    sshd.cut()
    assert await output(ssh, sshd.server()) == b"hi\n"
    assert sshd.connections == 2


async def test_a_connection_lost_in_a_sweep_is_opened_anew(ssh: SshTransport, sshd: Sshd) -> None:
    """What was running is asked once more; all have their answers."""
    slow, after = ShellCommand("sleep 0.5; echo slow"), ShellCommand("echo after")
    await output(ssh, sshd.server())
    sweep = asyncio.create_task(ssh.send(sshd.server(), [HI, slow, after]))
    await asyncio.sleep(0.2)
    sshd.cut()
    responses = await sweep
    assert [response.value.output for response in responses.values()] == [  # type: ignore[union-attr]
        b"hi\n",
        b"slow\n",
        b"after\n",
    ]


async def test_a_connection_that_ends_in_an_answer_each_time(ssh: SshTransport, sshd: Sshd) -> None:
    """After a second try the command is unanswered; the one behind it has its answer."""
    killer = ShellCommand("printf half; kill -9 $PPID; sleep 5")
    responses = await ssh.send(sshd.server(), [killer, HI])
    response = responses[killer]
    assert isinstance(response, Unanswered)
    assert response.reason is Reason.PROTOCOL
    assert isinstance(responses[HI], Answered)
    assert sshd.connections == 3


async def test_a_shell_that_ends_behind_an_open_channel(ssh: SshTransport, sshd: Sshd) -> None:
    """A child that keeps the channel open does not hide that the shell is gone."""
    killer = ShellCommand("sleep 7821 & kill -9 $$", timeout_seconds=60)
    async with asyncio.timeout(15):
        responses = await ssh.send(sshd.server(), [killer, HI])
    assert isinstance(responses[killer], Unanswered)
    assert isinstance(responses[HI], Answered)
    await output(ssh, sshd.server(), "pkill -f '[s]leep 7821'")


async def test_a_connection_that_is_silent_is_replaced(ssh: SshTransport, sshd: Sshd) -> None:
    """When the other end stands still, as with a pulled cable, reach is asked over a new connection."""
    await ask(ssh, sshd.server(), REACH)
    await output(ssh, sshd.server())

    pids = sshd.sessions()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    assert isinstance(await ask(ssh, sshd.server(), REACH), Answered)
    assert sshd.connections == 2
    assert await output(ssh, sshd.server()) == b"hi\n"


async def test_a_server_that_is_gone_and_back(ssh: SshTransport, sshd: Sshd) -> None:
    """Refused while sshd is down, with the ports that were tried; answered again without a restart."""
    await output(ssh, sshd.server())
    sshd.stop()
    asked = TcpConnect("127.0.0.1", (1, 2))
    response = await ask(ssh, sshd.server(), asked)
    assert isinstance(response, Unanswered)
    assert response.reason is Reason.REFUSED
    for port in (sshd.port, 1, 2):
        assert f"port {port} refused" in response.detail
    assert (await refused(ssh, sshd.server(), Reason.REFUSED)).detail.startswith("port ")
    sshd.start()
    assert (await soon(ssh, sshd.server())).output == b"hi\n"


async def test_another_port_shows_that_the_machine_is_there(ssh: SshTransport, sshd: Sshd) -> None:
    """With sshd down, a mail port that accepts is enough, and says what did not."""
    sshd.stop()
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    response = await ask(ssh, sshd.server(), TcpConnect("127.0.0.1", (port,)))
    server.close()
    assert isinstance(response, Answered)
    assert response.value.port == port
    assert response.value.refused == (f"port {sshd.port} refused: connection refused",)


async def test_a_refused_login_is_not_repeated(ssh: SshTransport, sshd: Sshd) -> None:
    """Ten sweeps with a wrong key are one login; the machine counts as reached all the while."""
    sshd.new_key("client")
    for _ in range(10):
        reached = await ask(ssh, sshd.server(), REACH)
        assert isinstance(reached, Answered), reached
        assert "was refused" in reached.value.refused[0]
        response = await refused(ssh, sshd.server(), Reason.AUTH)
        assert "no new login before" in response.detail
        assert "authorized_keys" in (response.fix or "")
    assert sshd.connections == 1


async def test_another_key_is_tried_at_once(ssh: SshTransport, sshd: Sshd) -> None:
    """When the key file changes, nobody waits for the pause to end."""
    good = sshd.key.read_bytes()
    sshd.new_key("client")
    await refused(ssh, sshd.server(), Reason.AUTH)
    sshd.key.write_bytes(good)
    assert await output(ssh, sshd.server()) == b"hi\n"
    assert sshd.connections == 2


async def test_other_settings_are_tried_at_once(ssh: SshTransport, sshd: Sshd) -> None:
    """When the server is reached another way, what was remembered of the old way is gone."""
    await refused(ssh, sshd.server(user="nobody-of-that-name"), Reason.AUTH)
    assert await output(ssh, sshd.server()) == b"hi\n"


async def test_a_key_that_others_can_read_is_not_used(ssh: SshTransport, sshd: Sshd) -> None:
    """Nothing is connected to, and the fix is chmod."""
    sshd.key.chmod(0o644)
    response = await refused(ssh, sshd.server(), Reason.AUTH)
    assert response.fix == f"chmod 600 {sshd.key}"
    assert sshd.connections == 0
    sshd.key.chmod(0o600)
    assert (await soon(ssh, sshd.server())).output == b"hi\n"


async def test_an_unknown_host_key_is_not_accepted(ssh: SshTransport, sshd: Sshd) -> None:
    """Its fingerprint and the accepting command are told, no login is made, pinning it helps at once."""
    sshd.known_hosts.unlink()
    response = await refused(ssh, sshd.server(), Reason.HOST_KEY)
    assert f"found ssh-ed25519 {sshd.fingerprint()}" in response.detail
    assert f"`mailvane add mx --accept {sshd.fingerprint()}`" in (response.fix or "")
    await refused(ssh, sshd.server(), Reason.HOST_KEY)
    assert sshd.connections == 1
    assert "Accepted" not in sshd.log()
    offered = await ssh.offered_host_keys(sshd.reach())
    assert isinstance(offered, list)
    pin(sshd.known_hosts, offered[0])
    assert await output(ssh, sshd.server()) == b"hi\n"


async def test_a_changed_host_key_is_not_accepted(ssh: SshTransport, sshd: Sshd) -> None:
    """Both fingerprints are told, the pinned one and the one found."""
    old = sshd.fingerprint()
    sshd.stop()
    sshd.new_key("host")
    sshd.start()
    response = await refused(ssh, sshd.server(), Reason.HOST_KEY)
    assert f"expected ssh-ed25519 {old}" in response.detail
    assert f"found ssh-ed25519 {sshd.fingerprint()}" in response.detail
    assert "Accepted" not in sshd.log()


async def test_a_host_key_of_another_kind_is_not_accepted(ssh: SshTransport, sshd: Sshd) -> None:
    """A server that has only keys of other algorithms than the pinned one is not trusted."""
    sshd.stop()
    sshd.new_key("host", "ecdsa")
    sshd.start()
    response = await refused(ssh, sshd.server(), Reason.HOST_KEY)
    assert "expected ssh-ed25519 SHA256:" in response.detail
    assert "Accepted" not in sshd.log()


async def test_a_host_certificate_of_a_pinned_authority_is_accepted(
    ssh: SshTransport, sshd: Sshd
) -> None:
    """`@cert-authority` in known_hosts trusts what it has signed for that name, and nothing else."""
    sign(sshd, sshd.new_key("authority"), "host", "-h", "-n", "127.0.0.1")
    sshd.known_hosts.write_text(f"@cert-authority * {sshd.public('authority')}\n")
    sshd.stop()
    sshd.start(f"HostCertificate {sshd.folder / 'host-cert.pub'}")
    assert await output(ssh, sshd.server()) == b"hi\n"
    sshd.known_hosts.write_text(f"@cert-authority * {sshd.public('client')}\n# changed\n")
    await ssh.forget("mx")
    await refused(ssh, sshd.server(), Reason.HOST_KEY)


async def test_a_user_certificate_logs_in(ssh: SshTransport, sshd: Sshd) -> None:
    """A certificate beside the key is offered with it."""
    sign(sshd, sshd.new_key("authority"), "client", "-n", sshd.reach().user or "")
    (sshd.folder / "authorized_keys").write_text("")
    sshd.stop()
    sshd.start(f"TrustedUserCAKeys {sshd.folder / 'authority.pub'}")
    assert await output(ssh, sshd.server()) == b"hi\n"


async def test_the_users_configuration_is_honoured(
    ssh: SshTransport, sshd: Sshd, tmp_path: Path
) -> None:
    """Host name, port, user and key may all stand in the OpenSSH configuration."""
    reach = sshd.reach()
    config = tmp_path / "config"
    config.write_text(
        f"Host alias\n HostName 127.0.0.1\n Port {sshd.port}\n User {reach.user}\n"
        f" IdentityFile {sshd.key}\n UserKnownHostsFile {sshd.known_hosts}\n"
        " StrictHostKeyChecking no\n"
    )
    server = sshd.server(
        host="alias",
        port=None,
        user=None,
        key=None,
        config_files=(config,),
        known_hosts=(tmp_path / "none",),
    )
    assert await output(ssh, server) == b"hi\n"
    sshd.known_hosts.write_text("")
    await ssh.forget("mx")
    await refused(ssh, server, Reason.HOST_KEY)


async def test_a_proxy_command_is_honoured(ssh: SshTransport, sshd: Sshd, tmp_path: Path) -> None:
    """What carries the bytes is the user's matter; reach is shown by the login."""
    config = tmp_path / "config"
    program = "import os,socket,sys,threading as t\\ns=socket.create_connection(('127.0.0.1',int(sys.argv[1])))\\n"
    relay = tmp_path / "relay.py"
    relay.write_text(
        program.replace("\\n", "\n")
        + "def up():\n while d := os.read(0, 65536): s.sendall(d)\n s.shutdown(1)\n"
        + "t.Thread(target=up, daemon=True).start()\n"
        + "while d := s.recv(65536): os.write(1, d)\n"
    )
    config.write_text(f"ProxyCommand python3 {relay} {sshd.port}\n")
    server = sshd.server(config_files=(config,))
    reached = await ask(ssh, server, REACH)
    assert isinstance(reached, Answered)
    assert reached.value.seconds is None
    assert await output(ssh, server) == b"hi\n"


async def test_nothing_is_forwarded(ssh: SshTransport, sshd: Sshd, tmp_path: Path) -> None:
    """Even when the configuration asks for it: no agent, no terminal, no variables of ours."""
    config = tmp_path / "config"
    config.write_text("ForwardAgent yes\nForwardX11 yes\nRequestTTY force\nSendEnv SECRET\n")
    sshd.stop()
    sshd.start("AcceptEnv *")
    said = await output(
        ssh, sshd.server(config_files=(config,)), 'echo "$SSH_AUTH_SOCK$DISPLAY$SSH_TTY$SECRET"'
    )
    assert said == b"\n"


async def test_where_only_one_session_is_allowed(ssh: SshTransport, sshd: Sshd) -> None:
    """A hanging command that cannot be stopped by a second channel costs the connection, not the sweeps."""
    sshd.stop()
    sshd.start("MaxSessions 1")
    hang = ShellCommand("sleep 3; echo late", timeout_seconds=0.3)
    responses = await ssh.send(sshd.server(), [hang, HI])
    assert isinstance(responses[hang], Unanswered)
    assert (await soon(ssh, sshd.server())).output == b"hi\n"


async def test_forgotten_its_connection_is_closed(ssh: SshTransport, sshd: Sshd) -> None:
    """No session of ours is left on it."""
    await output(ssh, sshd.server())
    assert sshd.sessions()
    await ssh.forget("mx")
    for _ in range(100):
        if not sshd.sessions():
            break
        await asyncio.sleep(0.05)
    assert sshd.sessions() == []


async def test_a_right_can_be_tried(ssh: SshTransport, sshd: Sshd) -> None:
    """A server that cannot be asked is not said to refuse."""
    right = Right(("/bin/true",), "nothing")
    if os.geteuid() == 0:
        assert await ssh.granted(sshd.server(), right) is True
    sshd.known_hosts.unlink()
    await ssh.forget("mx")
    assert isinstance(await ssh.granted(sshd.server(), right), Unanswered)


async def test_two_who_ask_at_once_share_the_connection(ssh: SshTransport, sshd: Sshd) -> None:
    """Both are answered, each with its own, over one login."""
    commands = [ShellCommand(f"echo {number}") for number in range(8)]
    answers = await asyncio.gather(*(ask(ssh, sshd.server(), command) for command in commands))
    assert [answer.value.output for answer in answers] == [b"%d\n" % n for n in range(8)]
    assert sshd.connections == 1


async def test_a_server_of_another_kind_is_a_mistake(ssh: SshTransport) -> None:
    """Handing it a local server is an error of the program."""
    with pytest.raises(TypeError):
        await ssh.send(Server(name="x", hostname="x", reach=Local()), [HI])


def test_it_works_on_the_loop_that_serves(sshd: Sshd) -> None:
    """Under uvloop: reach, answers, a command that is stopped, and a clean end."""

    async def asked() -> Sequence[object]:
        transport = SshTransport(lambda: datetime.now(UTC))
        hang = ShellCommand("sleep 7811", timeout_seconds=0.2)
        responses = await transport.send(sshd.server(), [REACH, hang, HI])
        await transport.close()
        return [type(response) for response in responses.values()]

    assert uvloop.run(asked()) == [Answered, Unanswered, Answered]


def sign(sshd: Sshd, authority: Path, name: str, *options: str) -> None:
    """The key of that name has a certificate beside it."""
    public = sshd.folder / f"{name}.pub"
    command = ["ssh-keygen", "-q", "-s", str(authority), "-I", "test", *options, str(public)]
    subprocess.run(command, check=True)
