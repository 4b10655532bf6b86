"""How SMTP, IMAP and POP3 come to speak TLS, and how they say goodbye.

A client that hangs up after STARTTLS looks like an attacker to fail2ban, so that every conversation ends
with QUIT or LOGOUT. postscreen(8) sends half a greeting and bans who talks before the other half.
"""

import re
import socket

from mailvane.core.errors import NotAnswered
from mailvane.core.request import StartTls
from mailvane.core.response import Reason, Unanswered
from mailvane.transports.wire import Wire, shown

REPLY_LINES = 100
_REPLY = re.compile(r"(\d{3})(?:([ -])(.*))?", re.ASCII | re.DOTALL)
_IMAP_LINES = 20


async def to_tls(wire: Wire, how: StartTls) -> None:
    """The server waits for a TLS handshake; NotAnswered with its words when it will not."""
    match how:
        case StartTls.IMPLICIT:
            return
        case StartTls.SMTP:
            await _smtp(wire)
        case StartTls.IMAP:
            await _imap(wire)
        case StartTls.POP3:
            await _pop3(wire)


async def goodbye(wire: Wire, how: StartTls) -> None:
    """The server was told that we go, and has answered; on an implicit port its greeting tells how."""
    wire.doing = "saying goodbye"
    if how is StartTls.IMPLICIT:
        how = await _greeted(wire)
    if how is StartTls.IMAP:
        wire.write("a2 LOGOUT")
        await _tagged(wire, "a2")
    else:
        wire.write("QUIT")
        await wire.line()


def own_name() -> str:
    """This machine's name as EHLO may carry it."""
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", socket.gethostname()).strip("-.")
    return name[:255] or "localhost"


async def _greeted(wire: Wire) -> StartTls:
    """What the greeting speaks; POP3 says goodbye as SMTP does."""
    line = await wire.line()
    while _REPLY.fullmatch(line) and line[3:4] == "-":
        line = await wire.line()
    return StartTls.IMAP if line.startswith("* ") else StartTls.SMTP


async def _smtp(wire: Wire) -> None:
    wire.doing = "waiting for the SMTP greeting"
    code, text = await _reply(wire)
    if code != 220:
        raise _unwilling(wire, "greeted us with", f"{code} {text[-1]}")
    wire.doing = "waiting for the answer to EHLO"
    wire.write(f"EHLO {own_name()}")
    code, offers = await _reply(wire)
    if code != 250 or "STARTTLS" not in (offer.strip().upper() for offer in offers):
        raise _unwilling(wire, "does not offer STARTTLS; it said", f"{code} {' / '.join(offers)}")
    wire.doing = "waiting for the answer to STARTTLS"
    wire.write("STARTTLS")
    code, text = await _reply(wire)
    if code != 220:
        raise _unwilling(wire, "refused STARTTLS with", f"{code} {text[-1]}")


async def _reply(wire: Wire) -> tuple[int, list[str]]:
    """A whole SMTP reply, however many lines it has (RFC 5321 4.2.1)."""
    said: list[str] = []
    while len(said) < REPLY_LINES:
        line = await wire.line()
        found = _REPLY.fullmatch(line)
        if found is None:
            raise wire.no_answer(f"expected an SMTP reply, found {shown(line)!r}")
        said.append(found[3] or "")
        if found[2] != "-":
            return int(found[1]), said
    raise wire.no_answer(f"a reply has more than {REPLY_LINES} lines")


async def _imap(wire: Wire) -> None:
    wire.doing = "waiting for the IMAP greeting"
    greeting = await wire.line()
    if not greeting.upper().startswith("* OK"):
        raise _unwilling(wire, "greeted us with", greeting, "a2 LOGOUT")
    wire.doing = "waiting for the answer to STARTTLS"
    wire.write("a1 STARTTLS")
    answer = await _tagged(wire, "a1")
    if not answer.upper().startswith("A1 OK"):
        raise _unwilling(wire, "refused STARTTLS with", answer, "a2 LOGOUT")


async def _tagged(wire: Wire, tag: str) -> str:
    """The answer with our tag, after what the server had to say besides."""
    for _ in range(_IMAP_LINES):
        line = await wire.line()
        if line.startswith(f"{tag} "):
            return line
        if not line.startswith("* "):
            raise wire.no_answer(f"expected an IMAP response, found {shown(line)!r}")
    raise wire.no_answer(f"no answer to {tag} in {_IMAP_LINES} lines")


async def _pop3(wire: Wire) -> None:
    wire.doing = "waiting for the POP3 greeting"
    greeting = await wire.line()
    if not greeting.startswith("+OK"):
        raise _unwilling(wire, "greeted us with", greeting)
    wire.doing = "waiting for the answer to STLS"
    wire.write("STLS")
    answer = await wire.line()
    if not answer.startswith("+OK"):
        raise _unwilling(wire, "refused STLS with", answer)


def _unwilling(wire: Wire, did: str, words: str, bye: str = "QUIT") -> NotAnswered:
    """The error for a server that will not go on; it was told that we go."""
    wire.write(bye)
    return NotAnswered(Unanswered(Reason.PROTOCOL, f"it {did} {shown(words)!r}"))
