"""The present in this process's memory."""

from collections.abc import Sequence

from mailvane.core.result import Report
from mailvane.core.server import Server


class MemoryCache:
    """A Cache that lives and dies with its process."""

    def __init__(self) -> None:
        self._reports: dict[str, Report] = {}
        self._kept: frozenset[str] | None = None
        self._version = 0

    def get(self, server: str) -> Report | None:
        """The last report, None when there is none."""
        return self._reports.get(server)

    def put(self, report: Report) -> None:
        """The report is the present one, unless its server is not kept (any more)."""
        if self._kept is None or report.server in self._kept:
            self._reports[report.server] = report
            self._version += 1

    def drop(self, server: str) -> None:
        """There is no report of that server."""
        if self._reports.pop(server, None):
            self._version += 1

    def keep_only(self, servers: Sequence[Server]) -> None:
        """Reports of other servers are gone and are not taken; before the first call all are kept."""
        self._kept = frozenset(server.name for server in servers)
        self._reports = {name: r for name, r in self._reports.items() if name in self._kept}
        self._version += 1

    def version(self) -> int:
        """Grows whenever any report changes or goes, or the servers change."""
        return self._version

    async def open(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""
