"""A region of the cloud, as the configuration names it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Region:
    """A region with its zones; empty zones are shown as such."""

    id: str
    """Such as `us-east-1`."""
    name: str
    """Such as `US East (Virginia)`."""
    primary: bool = False
    zones: tuple[str, ...] = ()
