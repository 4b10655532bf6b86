"""Every error that Mailvane raises, in one tree.

MailvaneError
├── SettingsError      the configuration is wrong; carries every problem at once
├── NotAnswered        a check needed an answer that did not come (see core.response)
├── GarbledAnswer      an answer came, but not in the form that the check knows
├── DoesNotApply       a check has nothing to ask here; it says so and takes no part
├── AccessDenied       the user, the token or the role does not suffice
├── AccountRefused     what was asked of a user or token cannot be done; the text says why
├── StoreUnavailable   the database did not answer; trying again can help
└── StoreTooNew        the database was written by a newer Mailvane; only that one can use it
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailvane.core.response import Unanswered


class MailvaneError(Exception):
    """Anything that Mailvane itself has to say about why it cannot go on."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a configuration, and where."""

    place: str
    """`file:line` or the file alone."""
    key: str
    """Dotted path of the key, such as `servers[0].hostname`; may be empty."""
    message: str
    """What was expected, what was found, and what to do."""

    def __str__(self) -> str:
        key = f" {self.key}:" if self.key else ""
        return f"{self.place}:{key} {self.message}"


class SettingsError(MailvaneError):
    """The configuration is wrong; `problems` holds all that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class NotAnswered(MailvaneError):
    """A request that a check needs has no answer; the check becomes `unknown` for that reason."""

    def __init__(self, unanswered: "Unanswered") -> None:
        self.unanswered = unanswered
        super().__init__(unanswered.detail)


class GarbledAnswer(MailvaneError):
    """An answer has not the form that the check knows; the text says what was expected and found."""


class DoesNotApply(MailvaneError):
    """A check has nothing to ask on this server; the text says why."""


class AccessDenied(MailvaneError):
    """The token or the role does not suffice."""


class AccountRefused(MailvaneError):
    """What was asked of a user or token cannot be done: taken, unknown, unfit or the last admin."""


class StoreUnavailable(MailvaneError):
    """The database did not answer; trying again can help."""


class StoreTooNew(MailvaneError):
    """The database was written by a newer Mailvane; only that one can use it."""
