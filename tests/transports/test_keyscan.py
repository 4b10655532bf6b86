"""Host keys for somebody to compare."""

import asyncio
import socket

from mailvane.core.response import Reason, Unanswered
from mailvane.transports.ssh import SshTransport
from tests.sshd import Sshd


async def test_every_kind_is_shown(ssh: SshTransport, sshd: Sshd) -> None:
    """One key of each kind, ed25519 first, with the fingerprints of ssh-keygen; no login is tried."""
    sshd.new_key("host-rsa", "rsa")
    sshd.new_key("host-ecdsa", "ecdsa")
    sshd.stop()
    sshd.start(*(f"HostKey {sshd.folder / name}" for name in ("host-rsa", "host-ecdsa")))
    keys = await ssh.offered_host_keys(sshd.reach())
    assert isinstance(keys, list)
    assert [(key.algorithm, key.fingerprint) for key in keys] == [
        ("ssh-ed25519", sshd.fingerprint()),
        ("ecdsa-sha2-nistp256", sshd.fingerprint("host-ecdsa")),
        ("ssh-rsa", sshd.fingerprint("host-rsa")),
    ]
    assert all((key.host, key.port) == ("127.0.0.1", sshd.port) for key in keys)
    assert "publickey" not in sshd.log()


async def test_a_kind_that_the_server_lacks_is_left_out(ssh: SshTransport, sshd: Sshd) -> None:
    """Only what is there is shown."""
    keys = await ssh.offered_host_keys(sshd.reach())
    assert isinstance(keys, list)
    assert [key.algorithm for key in keys] == ["ssh-ed25519"]


async def test_a_server_that_is_down_is_said(ssh: SshTransport, sshd: Sshd) -> None:
    """Why there are no keys."""
    sshd.stop()
    refused = await ssh.offered_host_keys(sshd.reach())
    assert isinstance(refused, Unanswered)
    assert refused.reason is Reason.REFUSED


async def test_something_else_than_ssh_is_said(ssh: SshTransport, sshd: Sshd) -> None:
    """A port that speaks HTTP shows no key."""

    async def http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(http, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    refused = await ssh.offered_host_keys(sshd.reach(port=port))
    server.close()
    assert isinstance(refused, Unanswered)
    assert refused.reason is Reason.PROTOCOL


async def test_silence_ends(ssh: SshTransport, sshd: Sshd) -> None:
    """A port that accepts and says nothing takes the time of one connect."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        reach = sshd.reach(port=silent.getsockname()[1], connect_timeout_seconds=0.3)
        refused = await ssh.offered_host_keys(reach)
    assert isinstance(refused, Unanswered)
    assert refused.reason is Reason.TIMEOUT
