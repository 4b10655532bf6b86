"""TLS handshakes against servers that speak SMTP, IMAP and POP3, well or badly."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailvane.core.request import StartTls, TlsHandshake, TlsPeer
from mailvane.core.response import Answered, Reason, Unanswered
from mailvane.core.server import Local, Server
from mailvane.transports.starttls import own_name
from mailvane.transports.tls import TlsTransport
from tests.certificates import Issued, issue

SERVER = Server(name="mx", hostname="mx.example", reach=Local())
NAME = "mx.example"


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


class Talk:
    """One connection as the server sees it; `heard` is what the client said, in order."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext
    ) -> None:
        self.heard: list[str] = []
        self._reader, self._writer, self._context = reader, writer, context

    async def say(self, text: str | bytes) -> None:
        """The text goes out as it is."""
        self._writer.write(text if isinstance(text, bytes) else text.encode())
        await self._writer.drain()

    async def hear(self) -> str:
        """The client's next line; `EOF` when it has closed in order."""
        line = (await self._reader.readline()).decode(errors="replace").strip() or "EOF"
        self.heard.append(line)
        return line

    async def secure(self) -> None:
        """The connection speaks TLS."""
        await self._writer.start_tls(self._context)


Script = Callable[[Talk], Awaitable[None]]


class Port:
    """A listening server that goes through a script with each client."""

    def __init__(self, script: Script, context: ssl.SSLContext) -> None:
        self._script, self._context = script, context
        self.talks: list[Talk] = []
        self.number = 0

    @asynccontextmanager
    async def open(self, address: str = "127.0.0.1") -> AsyncIterator["Port"]:
        """The server listens."""
        server = await asyncio.start_server(self._serve, address, 0)
        self.number = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = Talk(reader, writer, self._context)
        self.talks.append(talk)
        with suppress(OSError):
            await self._script(talk)
        writer.close()


async def smtp(talk: Talk) -> None:
    """A well-behaved submission server."""
    await talk.say("220-mx.example\r\n220 ESMTP\r\n")
    await talk.hear()
    await talk.say("250-mx.example\r\n250-SIZE 10240000\r\n250 STARTTLS\r\n")
    await talk.hear()
    await talk.say("220 2.0.0 Ready to start TLS\r\n")
    await talk.secure()
    await talk.hear()
    await talk.say("221 2.0.0 Bye\r\n")
    await talk.hear()


async def imap(talk: Talk) -> None:
    """A well-behaved IMAP server."""
    await talk.say("* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n")
    await talk.hear()
    await talk.say("* OK by the way\r\na1 OK Begin TLS negotiation now.\r\n")
    await talk.secure()
    await talk.hear()
    await talk.say("* BYE Logging out\r\na2 OK Logout completed.\r\n")
    await talk.hear()


async def pop3(talk: Talk) -> None:
    """A well-behaved POP3 server."""
    await talk.say("+OK ready\r\n")
    await talk.hear()
    await talk.say("+OK Begin TLS negotiation now.\r\n")
    await talk.secure()
    await talk.hear()
    await talk.say("+OK Logging out\r\n")
    await talk.hear()


def at_once(greeting: str, answer: str) -> Script:
    """A server that speaks TLS from the first byte."""

    async def script(talk: Talk) -> None:
        await talk.secure()
        await talk.say(greeting)
        await talk.hear()
        await talk.say(answer)
        await talk.hear()

    return script


@pytest.fixture(scope="module")
def root() -> Issued:
    """The authority that the tests trust."""
    return issue("Test CA", authority=True, days=3650)


@pytest.fixture
def ca_file(root: Issued, tmp_path: Path) -> str:
    """A file with the trusted authority."""
    file = tmp_path / "ca.pem"
    file.write_bytes(root.pem)
    return str(file)


@pytest.fixture
def context(root: Issued, tmp_path: Path) -> ssl.SSLContext:
    """A server's context with a good certificate."""
    return serving(tmp_path, issue(NAME, root, names=(NAME, "127.0.0.1")))


def serving(folder: Path, issued: Issued, *chain: Issued) -> ssl.SSLContext:
    """A server's context with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.write(folder / "server.pem", *chain))
    return context


async def ask(
    script: Script,
    context: ssl.SSLContext,
    ca_file: str | None,
    how: StartTls = StartTls.SMTP,
    **asked: object,
) -> tuple[Answered[TlsPeer] | Unanswered, Talk]:
    """The response of one port, and what it heard."""
    async with Port(script, context).open() as port:
        request = TlsHandshake("127.0.0.1", port.number, NAME, how, ca_file, timeout_seconds=20)
        request = replace(request, **asked)  # type: ignore[arg-type]
        responses = await TlsTransport(now).send(SERVER, [request])
        assert len(port.talks) == 1
        return responses[request], port.talks[0]


async def seen(
    script: Script, context: ssl.SSLContext, ca_file: str | None, how: StartTls = StartTls.SMTP
) -> TlsPeer:
    """What the port served."""
    response, _ = await ask(script, context, ca_file, how)
    assert isinstance(response, Answered)
    return response.value


async def refused(script: Script, context: ssl.SSLContext, **asked: object) -> Unanswered:
    """Why there was no certificate."""
    response, _ = await ask(script, context, None, **asked)  # type: ignore[arg-type]
    assert isinstance(response, Unanswered)
    return response


@pytest.mark.parametrize(
    ("script", "how", "heard"),
    [
        (smtp, StartTls.SMTP, [f"EHLO {own_name()}", "STARTTLS", "QUIT", "EOF"]),
        (imap, StartTls.IMAP, ["a1 STARTTLS", "a2 LOGOUT", "EOF"]),
        (pop3, StartTls.POP3, ["STLS", "QUIT", "EOF"]),
        (at_once("220-x\r\n220 x\r\n", "221 x\r\n"), StartTls.IMPLICIT, ["QUIT", "EOF"]),
        (at_once("* OK x\r\n", "* BYE\r\na2 OK\r\n"), StartTls.IMPLICIT, ["a2 LOGOUT", "EOF"]),
        (at_once("+OK x\r\n", "+OK\r\n"), StartTls.IMPLICIT, ["QUIT", "EOF"]),
    ],
)
async def test_every_protocol_ends_in_order(
    script: Script, how: StartTls, heard: list[str], context: ssl.SSLContext, ca_file: str
) -> None:
    """The certificate is seen, and the server hears a goodbye and then TLS' own end."""
    response, talk = await ask(script, context, ca_file, how)
    assert isinstance(response, Answered)
    assert response.value.trusted
    assert response.value.name_matches
    assert response.value.names == (NAME, "127.0.0.1")
    assert response.value.protocol == "TLSv1.3"
    assert talk.heard == heard


async def test_a_bad_certificate_is_seen_in_one_connection_that_ends_in_order(
    context: ssl.SSLContext,
) -> None:
    """An untrusted certificate does not make the server log a lost connection."""
    response, talk = await ask(smtp, context, None)
    assert isinstance(response, Answered)
    assert response.value.trust_error == "unable to get local issuer certificate"
    assert talk.heard[-2:] == ["QUIT", "EOF"]


async def test_expired_is_not_untrusted(root: Issued, ca_file: str, tmp_path: Path) -> None:
    """An expired certificate of a trusted authority is trusted, but for its dates."""
    peer = await seen(smtp, serving(tmp_path, issue(NAME, root, names=(NAME,), days=-2)), ca_file)
    assert peer.trusted
    assert peer.not_after < now() - timedelta(days=1)


async def test_an_expired_authority_is_untrusted(
    root: Issued, ca_file: str, tmp_path: Path
) -> None:
    """When it is the chain that has expired, no renewal of the certificate alone helps."""
    key = issue("between", root, authority=True)
    between = Issued(
        issue("between", root, authority=True, days=-1, key=key.key).certificate, key.key
    )
    peer = await seen(
        smtp, serving(tmp_path, issue(NAME, between, names=(NAME,)), between), ca_file
    )
    assert not peer.trusted
    assert peer.trust_error == "a certificate of the chain is out of its dates"


async def test_another_name_does_not_match(root: Issued, ca_file: str, tmp_path: Path) -> None:
    """A trusted certificate for somebody else is told apart from an untrusted one."""
    peer = await seen(smtp, serving(tmp_path, issue("x", root, names=("other.example",))), ca_file)
    assert peer.trusted
    assert not peer.name_matches


async def test_a_self_signed_certificate_says_so(tmp_path: Path) -> None:
    """The verifier's words are kept."""
    peer = await seen(smtp, serving(tmp_path, issue(NAME, names=(NAME,))), None)
    assert peer.trust_error == "self-signed certificate"


async def test_a_changed_file_of_roots_counts_at_once(
    root: Issued, context: ssl.SSLContext, tmp_path: Path
) -> None:
    """An administrator who puts the right authority into `certificate.ca_file` needs no restart."""
    file = tmp_path / "roots.pem"
    file.write_bytes(issue("Another CA", authority=True).pem)
    async with Port(smtp, context).open() as port:
        request = TlsHandshake("127.0.0.1", port.number, NAME, StartTls.SMTP, str(file))
        transport = TlsTransport(now)
        found = []
        for pem in (root.pem, b""):
            response = (await transport.send(SERVER, [request]))[request]
            assert isinstance(response, Answered)
            found.append(response.value.trusted)
            file.write_bytes(pem or file.read_bytes())
    assert found == [False, True]


async def test_ipv6_is_reached(context: ssl.SSLContext, ca_file: str) -> None:
    """An address of either family is a place to ask."""
    async with Port(smtp, context).open("::1") as port:
        request = TlsHandshake("::1", port.number, NAME, StartTls.SMTP, ca_file)
        response = (await TlsTransport(now).send(SERVER, [request]))[request]
    assert isinstance(response, Answered)


async def test_a_missing_file_of_roots_is_named(context: ssl.SSLContext) -> None:
    """A `certificate.ca_file` that is not there is a mistake of ours, not of the server."""
    async with Port(smtp, context).open() as port:
        request = TlsHandshake("127.0.0.1", port.number, NAME, StartTls.SMTP, "/nowhere/ca.pem")
        response = (await TlsTransport(now).send(SERVER, [request]))[request]
    assert isinstance(response, Unanswered)
    assert response.reason is Reason.NOT_FOUND
    assert response.fix == "correct `certificate.ca_file`"


async def test_a_port_that_refuses_is_refused() -> None:
    """Nobody listens: the reason and what to do."""
    async with Port(smtp, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)).open() as port:
        closed = port.number
    request = TlsHandshake("127.0.0.1", closed, NAME, StartTls.SMTP)
    response = (await TlsTransport(now).send(SERVER, [request]))[request]
    assert isinstance(response, Unanswered)
    assert response.reason is Reason.REFUSED
    assert "take it out of `certificate.ports`" in (response.fix or "")


async def test_the_second_half_of_a_greeting_is_waited_for(
    context: ssl.SSLContext, ca_file: str
) -> None:
    """postscreen says half a greeting and bans who talks before the rest has come."""  # noqa: D403
    early: list[bool] = []

    async def postscreen(talk: Talk) -> None:
        await talk.say("220-mx.example ESMTP\r\n")
        try:
            async with asyncio.timeout(0.3):
                early.append(await talk.hear() != "EOF")
        except TimeoutError:
            await talk.say("220 mx.example ESMTP\r\n")
            await talk.hear()
            await talk.say("250 STARTTLS\r\n")
            await talk.hear()
            await talk.say("220 go\r\n")
            await talk.secure()
            await talk.hear()
            await talk.say("221 bye\r\n")

    await seen(postscreen, context, ca_file)
    assert early == []


def saying(*texts: str | bytes) -> Script:
    """A server that says these one after the other, after a line of the client each."""

    async def script(talk: Talk) -> None:
        for text in texts:
            await talk.say(text)
            if await talk.hear() == "EOF":
                return
        await talk.hear()

    return script


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["554 5.7.1 go away\r\n"], "greeted us with '554 5.7.1 go away'"),
        (
            ["220 x\r\n", "250-x\r\n250 SIZE\r\n"],
            "does not offer STARTTLS; it said '250 x / SIZE'",
        ),
        (["220 x\r\n", "502 what\r\n"], "does not offer STARTTLS; it said '502 what'"),
        (
            ["220 x\r\n", "250 starttls\r\n", "454 4.7.0 TLS not available\r\n"],
            "refused STARTTLS with '454 4.7.0 TLS not available'",
        ),
        (["SSH-2.0-OpenSSH_9.2\r\n"], "expected an SMTP reply, found 'SSH-2.0-OpenSSH_9.2'"),
        ([b"\xff\xfe\0\x01\r\n"], "expected an SMTP reply, found"),
        ([b"220-x\r\n" * 200], "a reply has more than 100 lines"),
        ([b"220 " + b"x" * 5000], "a line goes on after 4,096 bytes"),
        (["220 x\r\n", "250 STARTTLS\r\n", "220 go\r\n250 injected\r\n"], "in the clear"),
        (["220 x\r\n", "250 STARTTLS\r\n", "220 go\r\n", "no TLS at all\r\n"], "handshake"),
    ],
)
async def test_a_server_that_will_not_is_quoted(
    texts: list[str | bytes], said: str, context: ssl.SSLContext
) -> None:
    """The server's words, or what was expected instead, and a command to look for oneself."""
    why = await refused(saying(*texts), context)
    assert why.reason is Reason.PROTOCOL
    assert said in why.detail
    assert "openssl s_client" in (why.fix or "")


async def test_a_refusal_hears_a_goodbye(context: ssl.SSLContext) -> None:
    """A server without STARTTLS is left with QUIT as well."""
    _, talk = await ask(saying("220 x\r\n", "250 x\r\n"), context, None)
    assert talk.heard[1:] == ["QUIT", "EOF"]


async def test_a_password_in_an_answer_is_not_shown(context: ssl.SSLContext) -> None:
    """What a server says is redacted."""
    why = await refused(saying("554 password=hunter2\r\n"), context)
    assert "hunter2" not in why.detail


async def test_a_server_that_says_nothing_is_a_time_out(context: ssl.SSLContext) -> None:
    """Silence ends after the time limit, and what was waited for is named."""
    why = await refused(saying(""), context, timeout_seconds=0.3)
    assert why.reason is Reason.TIMEOUT
    assert "still waiting for the SMTP greeting after 0.3 s" in why.detail


async def test_a_server_that_never_stops_is_cut_off(context: ssl.SSLContext) -> None:
    """A hundred megabytes of greeting cost no more than the limit."""
    sent = 0

    async def flood(talk: Talk) -> None:
        nonlocal sent
        while sent < 100_000_000:
            await talk.say(b"220-" + b"x" * 60 + b"\r\n" * 1000)
            sent += 2064

    why = await refused(flood, context)
    assert why.reason is Reason.PROTOCOL
    assert sent < 50_000_000


async def test_a_server_that_hangs_up_at_goodbye_was_seen(
    context: ssl.SSLContext, ca_file: str
) -> None:
    """What goes wrong after the handshake takes nothing from what it showed."""

    async def rude(talk: Talk) -> None:
        await talk.say("220 x\r\n")
        await talk.hear()
        await talk.say("250 STARTTLS\r\n")
        await talk.hear()
        await talk.say("220 go\r\n")
        await talk.secure()

    assert (await seen(rude, context, ca_file)).trusted


async def test_all_ports_are_asked_at_the_same_time(context: ssl.SSLContext) -> None:
    """Two ports of which each waits for the other both answer."""
    both = asyncio.Barrier(2)

    async def waiting(talk: Talk) -> None:
        await both.wait()
        await smtp(talk)

    async with Port(waiting, context).open() as one, Port(waiting, context).open() as other:
        requests = [
            TlsHandshake("127.0.0.1", port.number, NAME, StartTls.SMTP) for port in (one, other)
        ]
        responses = await TlsTransport(now).send(SERVER, requests)
    assert all(isinstance(responses[request], Answered) for request in requests)


@pytest.mark.parametrize("how", list(StartTls))
async def test_no_noise_breaks_it(how: StartTls, context: ssl.SSLContext) -> None:
    """Whatever bytes a port says, in whatever pieces, are no certificate and no crash."""
    noise = random.Random(how)  # noqa: S311  the same each time

    async def noisy(talk: Talk) -> None:
        for _ in range(5):
            await talk.say(noise.randbytes(noise.randrange(200)) + noise.choice(NOISE))

    for _ in range(20):
        why = await refused(noisy, context, how=how, timeout_seconds=2)
        assert why.reason in (Reason.PROTOCOL, Reason.TIMEOUT)


NOISE = (b"\r\n", b"\n220 x\r\n", b"* OK\r\n", b"a1 OK\r\n", b"+OK\r\n", b"250 STARTTLS\r\n", b"")
