"""The catalogue: every file below that defines `CHECK` is one check.

Found by looking, so that adding one changes no other file; a file without a CHECK is an error, so that
none is dropped in silence.
"""

import pkgutil
from functools import cache
from importlib import import_module
from typing import Any

from mailvane.core.check import Check


@cache
def catalogue() -> tuple[Check[Any], ...]:
    """Every check that Mailvane brings, gates first, then by name."""
    modules = (
        import_module(module.name)
        for module in pkgutil.walk_packages(__path__, f"{__name__}.")
        if not module.ispkg and not module.name.rpartition(".")[2].startswith("_")
    )
    return tuple(sorted((m.CHECK for m in modules), key=lambda check: (not check.gate, check.name)))
