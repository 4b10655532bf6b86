"""Accounts in memory: for tests, and to show what the port means without a database."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailvane.core.accounts import (
    API_TOKEN_MARK,
    REFRESH_TOKEN_MARK,
    SESSION_LIFE,
    Accounts,
    ApiToken,
    Role,
    Session,
    User,
    folded,
    name_problem,
    password_problem,
)
from mailvane.core.errors import AccountRefused
from mailvane.core.ports import Clock
from mailvane.core.secret import Secret
from mailvane.store import handles
from mailvane.store.passwords import Passwords
from mailvane.store.sessions import SESSIONS_MAX, session_end
from mailvane.store.tokens import made
from mailvane.store.users import refuse


@dataclass(slots=True)
class _Login:
    user_id: str
    digest: str
    created_at: datetime
    expires_at: datetime


@dataclass(slots=True)
class _Shelves:
    users: dict[str, User] = field(default_factory=dict)
    """By name."""
    password_hashes: dict[str, str] = field(default_factory=dict)
    """By user id."""
    logins: dict[str, _Login] = field(default_factory=dict)
    """By session id, the latest renewed last."""
    tokens: dict[str, ApiToken] = field(default_factory=dict)
    """By name."""
    token_digests: dict[str, str] = field(default_factory=dict)
    """By token id."""

    def known(self, name: str) -> User:
        user = self.users.get(folded(name))
        if user is None:
            raise AccountRefused(f"there is no user {folded(name)!r}")
        return user

    def end_sessions(self, user_id: str) -> None:
        self.logins = {k: login for k, login in self.logins.items() if login.user_id != user_id}

    def change(self, user: User) -> User:
        """The user as given, with all older tokens void."""
        self.end_sessions(user.id)
        self.users[user.name] = replace(user, version=user.version + 1)
        return self.users[user.name]

    def refuse_last_admin(self, user: User) -> None:
        able = [u for u in self.users.values() if u.role is Role.ADMIN and not u.disabled]
        if able == [user]:
            raise AccountRefused(f"{user.name!r} is the last admin: make somebody else admin first")


def memory_accounts(clock: Clock, passwords: Passwords | None = None) -> Accounts:
    """Users, sessions and tokens that are gone with the process."""
    shelves = _Shelves()
    return Accounts(
        users=_Users(shelves, passwords or Passwords(), clock),
        sessions=_Sessions(shelves, clock),
        tokens=_ApiTokens(shelves, clock),
    )


class _Users:
    def __init__(self, shelves: _Shelves, passwords: Passwords, clock: Clock) -> None:
        self._shelves = shelves
        self._passwords = passwords
        self._clock = clock

    async def all(self) -> Sequence[User]:
        return sorted(self._shelves.users.values(), key=lambda user: user.name)

    async def find(self, name: str) -> User | None:
        return self._shelves.users.get(folded(name))

    async def add(self, name: str, password: str, role: Role) -> User:
        refuse(name_problem(name) or password_problem(name, password))
        kept = await self._passwords.hash(password)
        user = User(secrets.token_hex(16), folded(name), role, 1, False, self._clock())
        if user.name in self._shelves.users:
            raise AccountRefused(f"there is already a user {user.name!r}")
        self._shelves.users[user.name] = user
        self._shelves.password_hashes[user.id] = kept
        return user

    async def authenticate(self, name: str, password: str) -> User | None:
        user = await self.find(name)
        kept = self._shelves.password_hashes[user.id] if user else None
        right, _ = await self._passwords.verify(password, kept)
        return user if user and right and not user.disabled else None

    async def set_password(self, name: str, password: str) -> User:
        refuse(password_problem(name, password))
        kept = await self._passwords.hash(password)
        user = self._shelves.known(name)
        self._shelves.password_hashes[user.id] = kept
        return self._shelves.change(user)

    async def set_role(self, name: str, role: Role) -> User:
        user = self._shelves.known(name)
        if role is not Role.ADMIN:
            self._shelves.refuse_last_admin(user)
        return self._shelves.change(replace(user, role=role))

    async def set_disabled(self, name: str, *, disabled: bool) -> User:
        user = self._shelves.known(name)
        if disabled:
            self._shelves.refuse_last_admin(user)
        return self._shelves.change(replace(user, disabled=disabled))

    async def remove(self, name: str) -> None:
        user = self._shelves.known(name)
        self._shelves.refuse_last_admin(user)
        self._shelves.end_sessions(user.id)
        del self._shelves.users[user.name], self._shelves.password_hashes[user.id]


class _Sessions:
    def __init__(self, shelves: _Shelves, clock: Clock) -> None:
        self._shelves = shelves
        self._clock = clock

    async def open(self, user: User) -> Session:
        now = self._clock()
        handle = handles.make(REFRESH_TOKEN_MARK, secrets.token_hex(16))
        login = _Login(user.id, handle.digest, now, session_end(now, now, SESSION_LIFE))
        mine = [k for k, other in self._shelves.logins.items() if other.user_id == user.id]
        for oldest in mine[: max(0, len(mine) - SESSIONS_MAX + 1)]:
            del self._shelves.logins[oldest]
        self._shelves.logins[handle.id] = login
        return Session(handle.id, user, login.expires_at, handle.text)

    async def renew(self, refresh_token: str) -> Session | None:
        session_id = handles.id_in(REFRESH_TOKEN_MARK, refresh_token) or ""
        user = await self.standing(session_id)
        if user is None:
            return None
        login = self._shelves.logins.pop(session_id)
        if not handles.same(refresh_token, login.digest):
            return None
        handle = handles.make(REFRESH_TOKEN_MARK, session_id)
        login.digest = handle.digest
        login.expires_at = session_end(login.created_at, self._clock(), SESSION_LIFE)
        self._shelves.logins[session_id] = login
        return Session(session_id, user, login.expires_at, handle.text)

    async def close(self, session_id: str) -> None:
        self._shelves.logins.pop(session_id, None)

    async def close_by_token(self, refresh_token: str) -> None:
        await self.close(handles.id_in(REFRESH_TOKEN_MARK, refresh_token) or "")

    async def close_all(self, user_id: str) -> None:
        for user in list(self._shelves.users.values()):
            if user.id == user_id:
                self._shelves.change(user)

    async def standing(self, session_id: str) -> User | None:
        login = self._shelves.logins.get(session_id)
        if login is None or login.expires_at <= self._clock():
            return None
        users = self._shelves.users.values()
        return next((u for u in users if u.id == login.user_id and not u.disabled), None)


class _ApiTokens:
    def __init__(self, shelves: _Shelves, clock: Clock) -> None:
        self._shelves = shelves
        self._clock = clock

    async def all(self) -> Sequence[ApiToken]:
        return sorted(self._shelves.tokens.values(), key=lambda token: token.name)

    async def add(
        self, name: str, role: Role, *, created_by: str, expires_at: datetime | None = None
    ) -> tuple[ApiToken, Secret]:
        refuse(name_problem(name))
        now = self._clock()
        token, handle = made(name, role, created_by, now, expires_at)
        taken = self._shelves.tokens.get(token.name)
        if taken and taken.valid_at(now):
            raise AccountRefused(f"there is already a token {token.name!r}")
        self._shelves.tokens[token.name] = token
        self._shelves.token_digests[token.id] = handle.digest
        return token, handle.text

    async def revoke(self, name: str) -> ApiToken:
        token = self._shelves.tokens.get(folded(name))
        if token is None:
            raise AccountRefused(f"there is no token {folded(name)!r}")
        revoked = replace(token, revoked_at=token.revoked_at or self._clock())
        self._shelves.tokens[token.name] = revoked
        return revoked

    async def verify(self, presented: str) -> ApiToken | None:
        token_id = handles.id_in(API_TOKEN_MARK, presented)
        token = next((t for t in self._shelves.tokens.values() if t.id == token_id), None)
        if token is None or not handles.same(presented, self._shelves.token_digests[token.id]):
            return None
        now = self._clock()
        if not token.valid_at(now):
            return None
        self._shelves.tokens[token.name] = replace(token, last_used_at=now)
        return token
