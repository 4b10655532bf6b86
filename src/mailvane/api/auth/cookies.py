"""The refresh token in a browser: in a cookie that scripts cannot read, useless without a second proof."""

import hashlib
import hmac

from fastapi import Request, Response

from mailvane.api.address import Proxies
from mailvane.api.auth.keys import CSRF, derived
from mailvane.core.accounts import REFRESH_TOKEN_MARK, Session
from mailvane.core.ports import Clock
from mailvane.core.secret import Secret

COOKIE = "mailvane_refresh"
PATH = "/api/v1/auth"
CSRF_HEADER = "X-CSRF-Token"


class RefreshCookies:
    """Gives and takes the cookie; the proof is bound to the session, so that it cannot be planted."""

    def __init__(self, secret: Secret, proxies: Proxies, clock: Clock) -> None:
        self._key = derived(secret, CSRF)
        self._proxies = proxies
        self._clock = clock

    def give(self, request: Request, response: Response, session: Session) -> str:
        """The cookie is set; returns what the page must send in X-CSRF-Token to use it."""
        response.set_cookie(
            COOKIE,
            session.refresh_token.reveal(),
            max_age=max(0, int((session.expires_at - self._clock()).total_seconds())),
            path=PATH,
            secure=self._proxies.is_https(request.scope),
            httponly=True,
            samesite="strict",
        )
        return self._proof(session.id)

    def take(self, request: Request) -> str | None:
        """The refresh token of the cookie, if the header proves that our own page sent it."""
        token = request.cookies.get(COOKIE, "")
        proof = request.headers.get(CSRF_HEADER, "")
        session_id = token.removeprefix(REFRESH_TOKEN_MARK).partition("_")[0]
        right = hmac.compare_digest(proof.encode(), self._proof(session_id).encode())
        return token if token and right else None

    def clear(self, request: Request, response: Response) -> None:
        """The browser has no refresh token any more."""
        response.delete_cookie(
            COOKIE,
            path=PATH,
            secure=self._proxies.is_https(request.scope),
            httponly=True,
            samesite="strict",
        )

    def _proof(self, session_id: str) -> str:
        return hmac.new(self._key, session_id.encode(), hashlib.sha256).hexdigest()
