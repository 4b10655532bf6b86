"""Who asks."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailvane.core.accounts import Role


class Kind(StrEnum):
    """What somebody showed to be let in."""

    USER = "user"
    """An access token of a login."""
    API_TOKEN = "api_token"  # noqa: S105  a word, not a secret
    PLATFORM = "platform"
    """A token that the platform issued."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Somebody whose token was verified."""

    kind: Kind
    name: str
    role: Role | None
    """None: known, but may do nothing here."""
    expires_at: datetime | None = None
    """When the token runs out; None: never by itself."""
    user_id: str | None = None
    session_id: str | None = None

    def may(self, needed: Role) -> bool:
        """True when the role covers what is needed."""
        return self.role is not None and self.role.covers(needed)
