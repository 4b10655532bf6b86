"""Secrets: from the environment or a file, never in the configuration itself."""

import re
from urllib.parse import urlsplit

from mailvane.core.secret import Secret
from mailvane.settings.outside import FromOutside
from mailvane.settings.shapes.base import Shape, Unfit

SECRET_LIMIT = 8_192
_HOW = "write ${NAME} and set NAME in the environment, or `!file path`"
_HIDDEN_PARAMETER = re.compile(
    r"[?&][^=&]*(?:password|passwd|secret|token)[^=&]*=([^&]*)", re.IGNORECASE
)


def token(text: str) -> Secret:
    """A secret that came from outside."""
    if not isinstance(text, FromOutside):
        raise Unfit(f"a secret must not stand in this file; {_HOW}")
    if not text.strip() or len(text) > SECRET_LIMIT:
        raise ValueError
    return Secret(str(text))


def database(text: str) -> Secret:
    """The URL of a SQLite or PostgreSQL database; a password in it must have come from outside."""
    _refuse_inline_password(text)
    scheme, _, rest = text.partition("://")
    backend = scheme.partition("+")[0]
    if backend == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return _url(text)
    somewhere = rest.startswith("/") or _has_host(text)
    if backend not in ("postgresql", "postgres") or not somewhere:
        raise ValueError
    return _url(text)


def redis(text: str) -> Secret:
    """The URL of a Redis; a password in it must have come from outside."""
    _refuse_inline_password(text)
    scheme, _, rest = text.partition("://")
    socket = scheme == "unix" and rest.startswith("/")
    if not socket and (scheme not in ("redis", "rediss") or not _has_host(text)):
        raise ValueError
    return _url(text)


def _url(text: str) -> Secret:
    if re.search(r"[\x00-\x20\x7f]", text) or len(text) > SECRET_LIMIT:
        raise ValueError
    return Secret(str(text))


def _has_host(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.hostname) and parts.port != 0


def _refuse_inline_password(text: str) -> None:
    """Raises when a password stands in the configuration, as far as that can be seen."""
    written = text.written if isinstance(text, FromOutside) else text
    if any(said and "${" not in said for said in _passwords(written)):
        raise Unfit(f"a password must not stand in this file; {_HOW} for the URL or its password")


def _passwords(url: str) -> list[str]:
    _, _, rest = url.partition("://")
    user_info = rest.partition("?")[0].rpartition("@")[0]
    return [user_info.partition(":")[2], *_HIDDEN_PARAMETER.findall(rest)]


TOKEN = Shape(
    "a secret of 1 to 8,192 characters, as ${NAME} or `!file path`",
    token,
    hidden=True,
)
DATABASE = Shape(
    "a URL such as postgresql://… or sqlite:///path; with a password in it as ${NAME} or `!file path`",
    database,
    hidden=True,
)
REDIS = Shape(
    "a URL such as redis://localhost:6379/0; with a password in it as ${NAME} or `!file path`",
    redis,
    hidden=True,
)
