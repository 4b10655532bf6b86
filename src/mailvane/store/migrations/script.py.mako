"""${message}."""

import sqlalchemy as sa
from alembic import op

from mailvane.store.tables import Moment

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """TODO: what is there afterwards."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """TODO: what is gone afterwards."""
    ${downgrades if downgrades else "pass"}
