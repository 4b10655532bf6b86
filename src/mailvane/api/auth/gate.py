"""The one way from the text of a token to who showed it."""

import asyncio
from datetime import datetime

import structlog

from mailvane.api.auth.identity import Identity, Kind
from mailvane.api.auth.jws import TOKEN_MAX_BYTES, Peek, peek
from mailvane.api.auth.own import ISSUER, OwnTokens
from mailvane.api.auth.platform import PlatformVerifier
from mailvane.api.auth.verified import Verified
from mailvane.core.accounts import API_TOKEN_MARK, Accounts
from mailvane.core.errors import StoreUnavailable
from mailvane.core.ports import Clock

log = structlog.get_logger()

FOREVER_SECONDS = 86_400.0
"""Stands for "does not run out by itself"; it is verified again long before."""


class Gate:
    """Verifies tokens of all three kinds; remembers each for ten seconds."""

    def __init__(
        self,
        accounts: Accounts,
        own: OwnTokens,
        platform: PlatformVerifier | None,
        verified: Verified,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._own = own
        self._platform = platform
        self._verified = verified
        self._clock = clock
        self._renewing: set[asyncio.Task[None]] = set()
        verified.renew = self._begin_to_renew

    def _begin_to_renew(self, raw: bytes) -> None:
        task = asyncio.create_task(self._renew(raw))
        self._renewing.add(task)
        task.add_done_callback(self._renewing.discard)

    async def _renew(self, raw: bytes) -> None:
        """The token is good for ten more seconds, or out; a store that is away leaves it as it is."""
        try:
            identity = await self._verify(raw.decode("latin-1"))
        except StoreUnavailable:
            return
        if identity is None:
            self._verified.drop(raw)
        elif self._verified.holds(raw):  # else its user was logged out meanwhile
            self._verified.put(raw, identity, self._left_seconds(identity.expires_at))

    async def identify(self, token: str) -> Identity | None:
        """Who shows the token; None when it is not valid, for whatever reason.

        Raises StoreUnavailable when that cannot be known and was not known minutes ago.
        """
        raw = token.encode("latin-1", "replace")
        if len(raw) > TOKEN_MAX_BYTES:
            return None
        if known := self._verified.get(raw):
            return known
        try:
            identity = await self._verify(token)
        except StoreUnavailable:
            if remembered := self._verified.remembered(raw):
                log.warning("the store is away; a token is remembered", name=remembered.name)
                return remembered
            raise
        if identity is None:
            self._verified.drop(raw)
        else:
            self._verified.put(raw, identity, self._left_seconds(identity.expires_at))
        return identity

    def _left_seconds(self, expires_at: datetime | None) -> float:
        if expires_at is None:
            return FOREVER_SECONDS
        return max(0.0, (expires_at - self._clock()).total_seconds())

    async def _verify(self, token: str) -> Identity | None:
        if token.startswith(API_TOKEN_MARK):
            return await self._api_token(token)
        seen = peek(token)
        if seen is None:
            return None
        if seen.issuer == ISSUER:
            return await self._user(token, seen)
        return await self._platform.verify(token, seen) if self._platform else None

    async def _api_token(self, token: str) -> Identity | None:
        found = await self._accounts.tokens.verify(token)
        if found is None:
            return None
        return Identity(
            kind=Kind.API_TOKEN, name=found.name, role=found.role, expires_at=found.expires_at
        )

    async def _user(self, token: str, seen: Peek) -> Identity | None:
        """The user as he is now: gone, disabled, logged out or changed since means not valid."""
        claims = self._own.read(token, seen)
        user = await self._accounts.sessions.standing(claims.sid) if claims else None
        if claims is None or user is None:
            return None
        if (user.id, user.version, user.role) != (claims.sub, claims.ver, claims.role):
            return None
        return Identity(
            kind=Kind.USER,
            name=user.name,
            role=user.role,
            expires_at=claims.expires_at,
            user_id=user.id,
            session_id=claims.sid,
        )
