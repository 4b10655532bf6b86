"""Logging in, staying in, and leaving; and who one is."""

import structlog
from fastapi import APIRouter, HTTPException, Request, Response

from mailvane.api import models
from mailvane.api.auth.attempts import Attempts
from mailvane.api.auth.cookies import RefreshCookies
from mailvane.api.auth.guard import Asker, needs
from mailvane.api.auth.identity import Identity
from mailvane.api.auth.own import OwnTokens
from mailvane.api.auth.verified import Verified
from mailvane.api.openapi import refusals
from mailvane.api.problems import unauthorized
from mailvane.core.accounts import Accounts, Role, Session
from mailvane.core.ports import Clock

log = structlog.get_logger()

PREFIX = "/auth"


class AuthRoutes:
    """Two routes that need no access token, since they give one, and four that do."""

    def __init__(
        self,
        accounts: Accounts,
        own: OwnTokens,
        cookies: RefreshCookies,
        attempts: Attempts,
        verified: Verified,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._own = own
        self._cookies = cookies
        self._attempts = attempts
        self._verified = verified
        self._clock = clock

    def open_router(self) -> APIRouter:
        """Login and refresh."""
        router = APIRouter(prefix=PREFIX, tags=["auth"])
        router.add_api_route(
            "/login",
            self.login,
            methods=["POST"],
            operation_id="login",
            summary="Log in with name and password",
            responses=refusals(401, 429),
        )
        router.add_api_route(
            "/refresh",
            self.refresh,
            methods=["POST"],
            operation_id="refresh",
            summary="Get the next access token with a refresh token or the browser's cookie",
            responses=refusals(401, 429),
        )
        return router

    def router(self) -> APIRouter:
        """Who one is, one's own password, and leaving."""
        router = APIRouter(tags=["auth"])
        router.add_api_route(
            "/me",
            self.me,
            operation_id="getMe",
            summary="Who the token is for, and what he may do",
            openapi_extra=needs(Role.VIEWER),
        )
        for path, route, summary in (
            ("/logout", self.logout, "End this login"),
            ("/logout-everywhere", self.logout_everywhere, "End all logins of this user"),
            ("/password", self.password, "Change one's own password; all logins end"),
        ):
            router.add_api_route(
                PREFIX + path,
                route,
                methods=["POST"],
                status_code=204,
                operation_id=route.__name__,
                summary=summary,
                openapi_extra=needs(Role.VIEWER),
            )
        return router

    async def login(
        self, body: models.Login, request: Request, response: Response
    ) -> models.Tokens:
        """An access token and a session; wrong, unknown and disabled are one answer in one time."""
        with self._attempts.attempt(request, body.username) as attempt:
            user = await self._accounts.users.authenticate(body.username, body.password)
            if user is None:
                log.warning("login refused", address=self._attempts.address(request))
                raise unauthorized("The user name or the password is wrong.")
            attempt.succeeded()
        log.info("login", user=user.name, address=self._attempts.address(request))
        session = await self._accounts.sessions.open(user)
        return self._tokens(session, request, response, cookie=body.session == "cookie")

    async def refresh(
        self, request: Request, response: Response, body: models.Refresh | None = None
    ) -> models.Tokens:
        """The next pair of tokens; the refresh token that was shown is void from now on."""
        with self._attempts.attempt(request) as attempt:
            token = body.refresh_token if body else self._cookies.take(request)
            session = await self._accounts.sessions.renew(token) if token else None
            if session is None:
                raise unauthorized()
            attempt.succeeded()
        return self._tokens(session, request, response, cookie=body is None)

    async def me(self, asker: Asker) -> models.Me:
        """Name, role and kind of the token."""
        return models.Me(
            name=asker.name,
            role=asker.role or Role.VIEWER,
            kind=asker.kind,
            expires_at=asker.expires_at,
        )

    async def logout(self, asker: Asker, request: Request, response: Response) -> None:
        """This session is over, here at once and in other processes within ten seconds."""
        user_id, session_id = _login_of(asker)
        await self._accounts.sessions.close(session_id)
        self._leave(user_id, request, response)

    async def logout_everywhere(self, asker: Asker, request: Request, response: Response) -> None:
        """All sessions of the user are over, on every machine."""
        user_id, _ = _login_of(asker)
        await self._accounts.sessions.close_all(user_id)
        self._leave(user_id, request, response)

    async def password(
        self, body: models.NewPassword, asker: Asker, request: Request, response: Response
    ) -> None:
        """The password is the new one, and all logins are over: log in again."""
        user_id, _ = _login_of(asker)
        with self._attempts.attempt(request, asker.name) as attempt:
            user = await self._accounts.users.authenticate(asker.name, body.current_password)
            if user is None or user.id != user_id:
                raise HTTPException(403, "The current password is wrong.")
            attempt.succeeded()
        await self._accounts.users.set_password(asker.name, body.new_password)
        self._leave(user_id, request, response)

    def _tokens(
        self, session: Session, request: Request, response: Response, *, cookie: bool
    ) -> models.Tokens:
        access = self._own.issue(session)
        left = access.expires_at - self._clock()
        csrf = self._cookies.give(request, response, session) if cookie else None
        return models.Tokens(
            access_token=access.text.reveal(),
            expires_at=access.expires_at,
            expires_in=int(left.total_seconds()),
            refresh_token=None if cookie else session.refresh_token.reveal(),
            csrf_token=csrf,
            session_expires_at=session.expires_at,
        )

    def _leave(self, user_id: str, request: Request, response: Response) -> None:
        self._verified.forget_user(user_id)
        self._cookies.clear(request, response)


def _login_of(asker: Identity) -> tuple[str, str]:
    """The user and the session behind a token; API tokens and the platform's have none."""
    if asker.user_id is None or asker.session_id is None:
        raise HTTPException(403, "This needs the token of somebody who logged in.")
    return asker.user_id, asker.session_id
