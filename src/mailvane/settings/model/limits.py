"""`limits`: check -> limit -> numbers."""

from typing import Annotated

from pydantic import Field

from mailvane.settings.model.base import Section
from mailvane.settings.shapes.number import NUMBER


class LimitSection(Section):
    """Where a number becomes bad; the direction stays that of the check."""

    degraded: Annotated[float, NUMBER] | None = Field(
        default=None, description="From where it is degraded; default: the check's own number."
    )
    unhealthy: Annotated[float, NUMBER] | None = Field(
        default=None, description="From where it is unhealthy; default: the check's own number."
    )


LimitTable = dict[str, dict[str, LimitSection]]
"""check -> limit -> numbers, as in `queue: {messages: {degraded: 200}}`."""
