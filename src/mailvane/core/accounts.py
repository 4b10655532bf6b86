"""Who may use Mailvane: users, their sessions, API tokens, and what each role may do."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from mailvane.core.secret import Secret

PASSWORD_MIN = 12
PASSWORD_MAX = 256
"""Longer ones only cost time to hash (OWASP: allow at least 64, cap the length)."""
SESSION_IDLE = timedelta(days=7)
"""A session that is not renewed for so long is over."""
SESSION_LIFE = timedelta(days=30)
"""A session is over so long after its login, however often it was renewed."""
API_TOKEN_MARK = "mvt_"  # noqa: S105  not a secret: what every API token begins with
REFRESH_TOKEN_MARK = "mvr_"  # noqa: S105
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._@+-]{0,62}[a-z0-9])?")


class Role(StrEnum):
    """What someone may do; each role may do what those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: "Role") -> bool:
        """True when this role suffices where `needed` is asked for."""
        return _RANK[self] >= _RANK[needed]


_RANK = {role: rank for rank, role in enumerate(Role)}


def highest(roles: Sequence[Role]) -> Role | None:
    """The role among them that may do most; None when there is none."""
    return max(roles, key=lambda role: _RANK[role], default=None)


@dataclass(frozen=True, slots=True)
class User:
    """Someone who logs in with a password."""

    id: str
    name: str
    """Lower case; unique."""
    role: Role
    version: int
    """Grows when password or role change, on disabling and on logout everywhere: older tokens are void."""
    disabled: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A login that goes on, and the refresh token that renews it next."""

    id: str
    user: User
    expires_at: datetime
    refresh_token: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A token for a program; only a hash of it is kept."""

    id: str
    """Also the part of the token by which it is found; not secret."""
    name: str
    role: Role
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    """Within a minute."""
    revoked_at: datetime | None

    def valid_at(self, now: datetime) -> bool:
        """True when it is neither revoked nor run out."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Users(Protocol):
    """People with a password. Names are compared without case.

    What cannot be done (name taken, unknown user, unfit password, last admin) raises AccountRefused;
    a database that is away raises StoreUnavailable.
    """

    async def all(self) -> Sequence[User]:
        """Every user, by name."""
        ...

    async def find(self, name: str) -> User | None:
        """The user of that name."""
        ...

    async def add(self, name: str, password: str, role: Role) -> User:
        """The user exists."""
        ...

    async def authenticate(self, name: str, password: str) -> User | None:
        """The user whose name and password these are; unknown, wrong and disabled take as long."""
        ...

    async def set_password(self, name: str, password: str) -> User:
        """The password is the new one; all sessions and older access tokens are void."""
        ...

    async def set_role(self, name: str, role: Role) -> User:
        """The role is the new one; older access tokens are void. The last admin stays one."""
        ...

    async def set_disabled(self, name: str, *, disabled: bool) -> User:
        """A disabled user can do nothing; sessions and tokens are void. The last admin stays able."""
        ...

    async def remove(self, name: str) -> None:
        """The user is gone with all sessions. The last admin stays."""
        ...


class Sessions(Protocol):
    """Logins that go on by rotating refresh tokens."""

    async def open(self, user: User) -> Session:
        """A new session; the user's oldest ones end when there are too many."""
        ...

    async def renew(self, refresh_token: str) -> Session | None:
        """The session with a new refresh token; the presented one is void.

        None for one that is unknown or over. A token that was renewed before ends its session: it was
        stolen from, or by, whoever renewed it.
        """
        ...

    async def close(self, session_id: str) -> None:
        """The session is over; one that is not there is no error."""
        ...

    async def close_by_token(self, refresh_token: str) -> None:
        """The session of that refresh token is over; an unknown token is no error."""
        ...

    async def close_all(self, user_id: str) -> None:
        """Every session and every access token of the user is void."""
        ...

    async def standing(self, session_id: str) -> User | None:
        """The user as he is now, if the session still goes on and he is not disabled."""
        ...


class ApiTokens(Protocol):
    """Tokens for programs."""

    async def all(self) -> Sequence[ApiToken]:
        """Every token, revoked ones too, by name."""
        ...

    async def add(
        self, name: str, role: Role, *, created_by: str, expires_at: datetime | None = None
    ) -> tuple[ApiToken, Secret]:
        """The token and what to present; the latter cannot be had again. A taken name: AccountRefused."""
        ...

    async def revoke(self, name: str) -> ApiToken:
        """The token is void; an unknown name raises AccountRefused."""
        ...

    async def verify(self, presented: str) -> ApiToken | None:
        """The valid token that was presented; its last use is noted."""
        ...


@dataclass(frozen=True, slots=True)
class Accounts:
    """All that is known of who may use Mailvane."""

    users: Users
    sessions: Sessions
    tokens: ApiTokens


def folded(name: str) -> str:
    """The form in which names are kept and compared."""
    return unicodedata.normalize("NFKC", name).strip().lower()


def name_problem(name: str) -> str | None:
    """Why the name cannot be that of a user or a token; None when it can."""
    if _NAME.fullmatch(folded(name)):
        return None
    return (
        "expected a name of 1 to 64 letters, digits and . _ @ + - that begins and ends with"
        " a letter or digit"
    )


def password_problem(name: str, password: str) -> str | None:
    """Why the password cannot be the one of that user; None when it can."""
    if len(password) < PASSWORD_MIN:
        return f"expected at least {PASSWORD_MIN} characters, found {len(password)}"
    if len(password) > PASSWORD_MAX:
        return f"expected at most {PASSWORD_MAX} characters, found {len(password)}"
    if folded(password) == folded(name):
        return "the password must not be the user name"
    return None
