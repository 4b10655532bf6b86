"""What the commands need of the parts that `mailvane.app` joins, as protocols."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mailvane.core.accounts import Accounts
from mailvane.core.check import Check
from mailvane.core.ports import Transport
from mailvane.core.result import Report
from mailvane.core.server import Server

if TYPE_CHECKING:
    from mailvane.settings import Settings
    from mailvane.store.database import Database
    from mailvane.transports.ssh import SshTransport


class Joined(Protocol):
    """All parts, joined; nothing runs in the background."""

    @property
    def transport(self) -> Transport: ...  # noqa: D102
    @property
    def ssh(self) -> "SshTransport": ...  # noqa: D102
    @property
    def database(self) -> "Database": ...  # noqa: D102
    @property
    def accounts(self) -> Accounts: ...  # noqa: D102

    async def sweep(self, server: Server) -> Report:
        """A report on the server as it is now."""
        ...


class App(Protocol):
    """`mailvane.app`, the one file that knows all parts."""

    def load_settings(self, config: Path | None, state: Path | None) -> "Settings":
        """The configuration, or the default; raises SettingsError with all that is wrong."""
        ...

    def all_checks(self) -> Sequence[Check[Any]]:
        """Every check that Mailvane or an installed package brings."""
        ...

    def checks_for(self, server: Server) -> Sequence[Check[Any]]:
        """All checks, and those that the configuration writes for this server."""
        ...

    def joined(self, settings: "Settings") -> AbstractAsyncContextManager[Joined]:
        """All parts, joined, until the context is left."""
        ...

    async def serve(self, load: Callable[[], "Settings"], say: Callable[[str], None]) -> None:
        """Runs until it is told to end."""
        ...
