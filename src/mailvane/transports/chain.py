"""Does a chain of certificates lead to a trusted root? OpenSSL's own answer, without a connection.

Python's ssl verifies only inside a handshake, and a client that finds a chain untrusted breaks the real one
off, for which the server logs a lost connection (and fail2ban may ban us). So the chain is taken in a handshake
that does not verify and ends in order, and is then shown to a verifying client in memory: a TLS 1.2
ServerHello and Certificate (RFC 5246 7.4), which need no key. OpenSSL verifies on the Certificate; a client
that then waits for more has found it good.
"""

import ssl
from collections.abc import Sequence

RECORD_BYTES = 16_384
_HANDSHAKE, _TLS12 = 22, b"\x03\x03"
_SERVER_HELLO, _CERTIFICATE = 2, 11
# ECDHE with RSA, ECDHE with ECDSA; OpenSSL looks at the kind of key only after it has verified.
_SUITES = (b"\xc0\x2f", b"\xc0\x2b")
_RENEGOTIATION_INFO = b"\xff\x01\x00\x01\x00"


def unverified_chain(tls: ssl.SSLObject) -> list[bytes]:
    """The certificates that the other side sent, its own first, as DER."""
    public = getattr(tls, "get_unverified_chain", None)
    if public is not None:  # since Python 3.13
        return list(public())
    found = getattr(tls, "_sslobj").get_unverified_chain() or []  # noqa: B009  no public name before
    return [ssl.PEM_cert_to_DER_cert(part.public_bytes()) for part in found]


def verifier(ca_file: str | None) -> ssl.SSLContext:
    """A client that trusts the system's roots and those of the file. Raises OSError.

    It verifies the chain, its keys and dates, but no name.
    """
    context = ssl.create_default_context()
    context.check_hostname = False
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM")
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


def distrust(context: ssl.SSLContext, chain: Sequence[bytes]) -> ssl.SSLError | None:
    """Why the verifier does not take the chain; None when it does."""
    for suite in _SUITES:
        incoming = ssl.MemoryBIO()
        client = context.wrap_bio(incoming, ssl.MemoryBIO(), server_hostname=None)
        incoming.write(_flight(chain, suite))
        try:
            client.do_handshake()
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLError as error:
            failure = error
            if error.reason != "WRONG_CERTIFICATE_TYPE":
                break
    return failure


def _flight(chain: Sequence[bytes], suite: bytes) -> bytes:
    hello = _TLS12 + bytes(32) + b"\0" + suite + b"\0" + _sized(_RENEGOTIATION_INFO, 2)
    certificates = _sized(b"".join(_sized(der, 3) for der in chain), 3)
    messages = _message(_SERVER_HELLO, hello) + _message(_CERTIFICATE, certificates)
    return b"".join(
        bytes([_HANDSHAKE]) + _TLS12 + _sized(messages[start : start + RECORD_BYTES], 2)
        for start in range(0, len(messages), RECORD_BYTES)
    )


def _message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + _sized(body, 3)


def _sized(data: bytes, width: int) -> bytes:
    """The bytes behind their number."""
    return len(data).to_bytes(width, "big") + data
