"""The least that an ASGI application can do for the same answer: check the token, send the bytes."""

import hashlib
import os
import time
from pathlib import Path
from typing import Any

BODY = Path(os.environ["BARE_BODY"]).read_bytes()
TOKEN = os.environ["BARE_TOKEN"].encode()
VERIFIED = {hashlib.blake2b(TOKEN, digest_size=16).digest(): time.time() + 3600}
HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(BODY)).encode()),
    (b"etag", b'W/"bare"'),
    (b"cache-control", b"private, no-cache"),
]
BEARER = b"Bearer "


async def app(scope: dict[str, Any], _receive: Any, send: Any) -> None:
    """200 with the body for a verified token, else 401."""
    if scope["type"] != "http":
        return
    value = next((v for k, v in scope["headers"] if k == b"authorization"), b"")
    digest = hashlib.blake2b(value[len(BEARER) :], digest_size=16).digest()
    if VERIFIED.get(digest, 0) < time.time():
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
