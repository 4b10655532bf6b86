"""A text that must never reach a screen, a log or a file."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """Holds a secret; shows only `***`. `reveal()` is for the one place that uses it."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """The secret itself, for the call that needs it and nothing else."""
        return self._value

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret(***)"
