"""The one place that knows all parts and joins them.

What the command line needs at once stands here; the service with its web framework is loaded when it runs.
"""

from collections.abc import Callable

from mailvane.app.joining import (
    Joined,
    all_checks,
    checks_for,
    custom_checks,
    joined,
    known_limits,
    load_settings,
    now,
)
from mailvane.settings import Settings

__all__ = [
    "Joined",
    "all_checks",
    "checks_for",
    "custom_checks",
    "joined",
    "known_limits",
    "load_settings",
    "now",
    "serve",
]


async def serve(load_anew: Callable[[], Settings], say: Callable[[str], None]) -> None:
    """Servers are watched and questions answered, until the process is told to end."""
    from mailvane.app.running import run

    await run(load_anew, say)
