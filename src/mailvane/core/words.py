"""Numbers as people read them."""

_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"))
_BYTES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def duration(seconds: float) -> str:
    """A length of time in its two largest units, such as `3 d 4 h` or `12 s`."""
    left = round(seconds)
    said = []
    for size, unit in _STEPS:
        if left >= size:
            said.append(f"{left // size} {unit}")
            left %= size
    if not said:
        return f"{left} s"
    return " ".join(said[:2])


def size(count: float) -> str:
    """A number of bytes with a binary unit, such as `1.5 GiB`."""
    for step, unit in _BYTES:
        if count >= step:
            return f"{count / step:.1f} {unit}"
    return f"{count:.0f} B"


def plural(count: int, one: str, many: str | None = None) -> str:
    """The count with its noun: `1 message`, `2 messages`, `50,000 messages`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
