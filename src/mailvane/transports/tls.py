"""TLS handshakes as a mail client makes them: what certificate does a port serve, and is it trusted?

One connection each: the handshake itself takes any certificate, so that it always ends in order, and what was
shown is verified afterwards (see `chain`).
"""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from mailvane.core.errors import NotAnswered
from mailvane.core.ports import Clock, Responses
from mailvane.core.request import Request, StartTls, TlsHandshake, TlsPeer
from mailvane.core.response import Answered, Reason, Unanswered
from mailvane.core.server import Server
from mailvane.transports.chain import distrust, unverified_chain, verifier
from mailvane.transports.peer import NAMES, Certificate, certificate
from mailvane.transports.starttls import goodbye, to_tls
from mailvane.transports.tcp import no_connection
from mailvane.transports.wire import CONNECTING, Wire, shown

AT_ONCE = 64
"""Handshakes at the same time, over all servers."""
GOODBYE_SECONDS = 3.0
CHAIN_LIMIT = 20
"""Certificates of a chain that are looked at; real ones have up to four."""
# What OpenSSL calls X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED (x509_vfy.h).
_DATES = (9, 10)

_Version = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class _Shown:
    """What one handshake showed."""

    chain: tuple[bytes, ...]
    protocol: str


class TlsTransport:
    """Carries TlsHandshake."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._room = asyncio.Semaphore(AT_ONCE)
        self._looking = _looking()
        self._verifiers: dict[str | None, tuple[_Version, ssl.SSLContext]] = {}

    async def send(self, server: Server, requests: Sequence[Request[Any]]) -> Responses:
        """A response for every request, all at the same time."""
        del server
        asked = [request for request in requests if isinstance(request, TlsHandshake)]
        responses = await asyncio.gather(*map(self._ask, asked))
        return dict(zip(asked, responses, strict=True))

    async def forget(self, name: str) -> None:
        """Nothing stays open or is remembered between two questions."""

    async def close(self) -> None:
        """Nothing stays open between two questions."""

    async def _ask(self, request: TlsHandshake) -> Answered[TlsPeer] | Unanswered:
        async with self._room:
            wire = Wire()
            try:
                verifying = self._verifier(request.ca_file)
                async with asyncio.timeout(request.timeout_seconds):
                    seen = await _look(wire, request, self._looking)
                return Answered(_peer(request, seen, verifying, self._clock()), self._clock())
            except NotAnswered as error:
                return _placed(request, error.unanswered)
            except TimeoutError:
                said = f"it was still {wire.doing} after {request.timeout_seconds:g} s"
                return _placed(request, Unanswered(Reason.TIMEOUT, said))
            except OSError as error:
                return _placed(request, _broken(error, wire.doing, request))

    def _verifier(self, ca_file: str | None) -> ssl.SSLContext:
        """The system's trusted roots and those of the file, read again when a file has changed."""
        try:
            version = _version(ca_file)
            known = self._verifiers.get(ca_file)
            if known is None or known[0] != version:
                known = self._verifiers[ca_file] = version, verifier(ca_file)
        except OSError as error:
            said = f"the trusted roots in {ca_file} cannot be read: {error.strerror or error}"
            raise NotAnswered(
                Unanswered(Reason.NOT_FOUND, said, "correct `certificate.ca_file`")
            ) from error
        return known[1]


async def _look(wire: Wire, request: TlsHandshake, context: ssl.SSLContext) -> _Shown:
    """What one handshake shows; the connection was closed in order."""
    try:
        await wire.connect(request.address, request.port, request.timeout_seconds)
        await to_tls(wire, request.starttls)
        wire.doing = "in the TLS handshake"
        tls = await wire.secure(context, request.name)
        seen = _Shown(tuple(unverified_chain(tls)[:CHAIN_LIMIT]), tls.version() or "")
        await _leave(wire, request.starttls)
    finally:
        await wire.close()
    return seen


async def _leave(wire: Wire, how: StartTls) -> None:
    """The goodbye was said; what goes wrong there takes nothing from what was seen."""
    with suppress(NotAnswered, TimeoutError, OSError):
        async with asyncio.timeout(GOODBYE_SECONDS):
            await goodbye(wire, how)


def _peer(request: TlsHandshake, seen: _Shown, verifying: ssl.SSLContext, now: datetime) -> TlsPeer:
    if not seen.chain:
        raise NotAnswered(Unanswered(Reason.PROTOCOL, "it shows no certificate"))
    try:
        found = certificate(seen.chain[0])
    except ValueError as error:
        said = f"its certificate cannot be read: {str(error)[:80]}"
        raise NotAnswered(Unanswered(Reason.PROTOCOL, said)) from error
    words = _why(distrust(verifying, seen.chain), found, now)
    return TlsPeer(
        subject=shown(found.subject),
        issuer=shown(found.issuer),
        names=tuple(shown(name) for name in found.names[:NAMES]),
        serial=found.serial,
        not_before=found.not_before,
        not_after=found.not_after,
        protocol=seen.protocol,
        trusted=words is None,
        trust_error=words,
        name_matches=found.is_for(request.name),
        sha256=found.sha256,
    )


def _why(error: ssl.SSLError | None, found: Certificate, now: datetime) -> str | None:
    """The verifier's words; None when nothing but the certificate's own dates is wrong.

    OpenSSL builds the chain first and looks at the dates last, from the root down (X509_verify_cert(3)).
    """
    if error is None:
        return None
    if not isinstance(error, ssl.SSLCertVerificationError):
        return shown(f"it cannot be verified: {error.reason or error}")
    if error.verify_code in _DATES:
        return "a certificate of the chain is out of its dates" if found.covers(now) else None
    return shown(error.verify_message)


def _version(ca_file: str | None) -> _Version:
    """The files of trusted roots and when each was changed; of our own file it must be there."""
    paths = ssl.get_default_verify_paths()
    usual = [Path(path) for path in (paths.cafile, paths.capath) if path]
    files = [path for path in usual if path.exists()] + ([Path(ca_file)] if ca_file else [])
    return tuple((str(path), path.stat().st_mtime_ns) for path in files)


def _looking() -> ssl.SSLContext:
    """Takes any certificate; keys that are too weak to be trusted may still be looked at."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def _broken(error: OSError, doing: str, request: TlsHandshake) -> Unanswered:
    """Why a connection did not come about, or ended; ssl.SSLError is an OSError too."""
    if doing == CONNECTING:
        return no_connection(error, request.port, request.timeout_seconds)
    said = (isinstance(error, ssl.SSLError) and error.reason) or str(error)
    return Unanswered(Reason.PROTOCOL, f"{doing}: {said[:120] or 'the connection was lost'}")


def _placed(request: TlsHandshake, why: Unanswered) -> Unanswered:
    """The reason with the place that it is about, and what to do."""
    where = f"{request.address}:{request.port}"
    fix = why.fix or _FIXES.get(why.reason, "").format(where=where, port=request.port) or None
    return replace(why, detail=f"{where}: {why.detail}", fix=fix)


_FIXES = {
    Reason.REFUSED: "start what listens on port {port}, or take it out of `certificate.ports`",
    Reason.TIMEOUT: "look at the firewall in between, and at the service on port {port}",
    Reason.PROTOCOL: "look at what `openssl s_client -connect {where}` shows",
}
