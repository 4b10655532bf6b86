"""Leads a database of any older version to the tables of this one."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.engine import Connection

from mailvane.core.errors import StoreTooNew

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).parent / "migrations"
LOCK = 0x6D61696C76616E65
"""Key of PostgreSQL's advisory lock: "mailvane" in ASCII."""


def upgrade(connection: Connection) -> None:
    """The tables are those of this version, made inside the connection's transaction.

    Raises StoreTooNew when a newer Mailvane made them.
    """
    from alembic import command
    from alembic.config import Config

    alone(connection)
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    _refuse_the_future(connection, config)
    command.upgrade(config, "head")


def alone(connection: Connection) -> None:
    """Until the end of this transaction no other one passes here.

    SQLite needs no more than the BEGIN IMMEDIATE with which its writing transactions start.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})


def _refuse_the_future(connection: Connection, config: "Config") -> None:
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    found = set(MigrationContext.configure(connection).get_current_heads())
    if unknown := found - known:
        raise StoreTooNew(
            f"the database has the tables of a newer Mailvane ({', '.join(sorted(unknown))});"
            " install that version or restore an older backup"
        )
