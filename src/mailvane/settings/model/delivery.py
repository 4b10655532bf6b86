"""`delivery`: where the application writes what became of its mails."""

from typing import Annotated

from pydantic import Field

from mailvane.core.secret import Secret
from mailvane.settings.model.base import Section
from mailvane.settings.shapes.number import whole
from mailvane.settings.shapes.secret import DATABASE
from mailvane.settings.shapes.text import IDENTIFIER, LINE, TABLE


class ColumnsSection(Section):
    """What the table's columns are called."""

    status: Annotated[str, IDENTIFIER] = Field(
        default="status", description="What became of the mail."
    )
    time: Annotated[str, IDENTIFIER] = Field(default="created_at", description="When it was sent.")
    provider: Annotated[str, IDENTIFIER] = Field(
        default="provider", description="By which way it was sent."
    )


class StatusesSection(Section):
    """Which words of the status column mean what."""

    sent: list[Annotated[str, LINE]] = Field(
        default=["sent", "delivered"], description="Accepted by the other side."
    )
    failed: list[Annotated[str, LINE]] = Field(default=["failed"], description="Not sent.")
    bounced: list[Annotated[str, LINE]] = Field(
        default=["bounced"], description="Sent and returned."
    )
    pending: list[Annotated[str, LINE]] = Field(
        default=["pending", "queued"], description="Not yet decided; takes no part in the rate."
    )


class DeliverySection(Section):
    """A table in which the application writes what became of each mail; it is only read."""

    database: Annotated[Secret, DATABASE] | None = Field(
        default=None,
        description="The database with the table; a role that may only read it is best.",
    )
    table: Annotated[str, TABLE] = Field(default="email_logs", description="The table.")
    provider: Annotated[str, LINE] | None = Field(
        default=None, description="Count only mails of this provider; default: all."
    )
    columns: ColumnsSection = Field(
        default_factory=ColumnsSection, description="What its columns are called."
    )
    statuses: StatusesSection = Field(
        default_factory=StatusesSection, description="Which words of the status column mean what."
    )
    min_messages: Annotated[int, whole(0, 1_000_000)] = Field(
        default=20, description="Below this many mails in 24 hours the rate is no alarm."
    )
