"""The way to a Redis: its URL, its sockets, and what is heard over it."""

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import AuthenticationError, ResponseError

from mailvane.cache.link import NOT_A_STRING, TROUBLE, Endpoint, connected, reason
from mailvane.core.secret import Secret

PREFIX = "mail:server:health"


def cli(url: str, *words: str) -> None:
    """Somebody else's command has been carried out."""
    subprocess.run(["redis-cli", "-u", url, *words], check=True, capture_output=True, timeout=10)


@pytest.mark.parametrize(
    "url",
    [
        "http://hunter2@redis.example",
        "redis://:hunter2#x@redis.example",
        "redis://:hunter2/x@redis.example",
        "redis://:hunter2?x@redis.example",
        "redis://redis.example:hunter2",
        "hunter2",
    ],
)
def test_a_wrong_url_is_refused_without_quoting_it(url: str) -> None:
    """A URL that is none of Redis, or whose password would be taken for a host, is an error without it."""
    with pytest.raises(ValueError, match="expected redis://") as caught:
        Endpoint(Secret(url))
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


async def test_replies_come_in_order(redis_url: Any) -> None:
    """Many commands are one round trip, and a list under a string's command is no error."""
    async with connected(Endpoint(Secret(redis_url.url)), 2) as link:
        replies = await link.ask(
            [("SET", "a", "1"), ("GET", "a"), ("GET", "b"), ("RPUSH", "c", "x"), ("GET", "c")]
        )
    assert replies == [b"OK", b"1", None, 1, NOT_A_STRING]


async def test_an_error_is_raised(redis_url: Any) -> None:
    """A command that Redis refuses raises, and names no secret."""
    async with connected(Endpoint(Secret(redis_url.url)), 2) as link:
        with pytest.raises(ResponseError):
            await link.ask([("NO-SUCH-COMMAND",)])


async def test_changes_by_others_are_heard(redis_url: Any) -> None:
    """A write, a deletion and a flush by somebody else are heard; our own writes are not."""
    async with connected(Endpoint(Secret(redis_url.url)), 2) as link:
        await link.listen(PREFIX)
        assert link.deaf is None
        await link.ask([("SET", f"{PREFIX}:ours", "1")])
        cli(redis_url.url, "SET", f"{PREFIX}:theirs", "1")
        assert await link.changes(within=5) == {f"{PREFIX}:theirs"}
        cli(redis_url.url, "DEL", f"{PREFIX}:ours")
        assert await link.changes(within=5) == {f"{PREFIX}:ours"}
        cli(redis_url.url, "FLUSHALL")
        assert await link.changes(within=5) is None


async def test_silence_is_told_from_rest(redis_url: Any) -> None:
    """A hearing connection that answers a knock lives; one that hears nothing at all is given up."""
    async with connected(Endpoint(Secret(redis_url.url)), 2) as link:
        await link.listen(PREFIX)
        await link.knock()
        assert await link.changes(within=5) == frozenset()
        with pytest.raises(TimeoutError):
            await link.changes(within=0.05)


async def test_without_the_right_to_listen_it_is_deaf(redis_url: Any) -> None:
    """Where CLIENT is not allowed, the link says why it hears nothing and still asks."""
    cli(redis_url.url, "ACL", "SETUSER", "poor", "on", ">pw", "~*", "&*", "+@all", "-client")
    url = redis_url.url.replace("//", "//poor:pw@")
    async with connected(Endpoint(Secret(url)), 2) as link:
        await link.listen(PREFIX)
        assert "client" in (link.deaf or "")
        assert await link.ask([("PING",)]) == [b"PONG"]


@pytest.mark.parametrize("spoken", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"*z\r\n", b""])
async def test_what_is_no_redis_is_trouble(spoken: bytes) -> None:
    """A port where something else answers raises what a Redis that fails raises."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(spoken)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(TROUBLE):
            async with connected(Endpoint(Secret(f"redis://127.0.0.1:{port}")), 2) as link:
                await link.ask([("PING",)])


@pytest.fixture
def everywhere(redis_url: Any, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The URLs of a Redis over TLS and over a socket file."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
        timeout=30,
    )
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    file = tmp_path / "redis.sock"
    process = subprocess.Popen(
        [
            *("redis-server", "--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1"),
            *("--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
            *("--tls-ca-cert-file", str(certificate), "--tls-auth-clients", "no"),
            *("--unixsocket", str(file), "--save", "", "--dir", str(tmp_path)),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        yield f"rediss://localhost:{port}?ssl_ca_certs={certificate}", f"unix://{file}"
    finally:
        process.kill()
        process.wait(10)


async def test_tls_and_socket_files_work(everywhere: tuple[str, str]) -> None:
    """rediss:// with its own root and unix:// both ask and hear."""
    for url in everywhere:
        await eventually_answers(url)
        async with connected(Endpoint(Secret(url)), 5) as link:
            await link.listen(PREFIX)
            assert link.deaf is None
            assert await link.ask([("PING",)]) == [b"PONG"]


async def test_a_certificate_of_nobody_is_refused(everywhere: tuple[str, str]) -> None:
    """rediss:// with a certificate that no trusted root has signed does not connect."""
    tls, file = everywhere
    await eventually_answers(file)
    with pytest.raises(TROUBLE, match=r"(?i)certificate"):
        async with connected(Endpoint(Secret(tls.partition("?")[0])), 5):
            pass


async def eventually_answers(url: str) -> None:
    """Waits until a Redis that was just started answers."""
    for _ in range(500):
        try:
            async with connected(Endpoint(Secret(url)), 5) as link:
                await link.ask([("PING",)])
        except TROUBLE:
            await asyncio.sleep(0.02)
        else:
            return
    pytest.fail(f"{url} did not answer within ten seconds")


def test_a_reason_is_a_sentence_without_secrets() -> None:
    """Refused logins and time-outs have words of their own; groups say their first; URLs lose passwords."""
    assert reason(AuthenticationError("WRONGPASS x")) == "the user name or password was refused"
    assert reason(ExceptionGroup("", [TimeoutError()])) == "no answer in time"
    assert reason(OSError("redis://u:hunter2@h refused")) == "redis://u:***@h refused"
    assert reason(EOFError()) == "EOFError"
