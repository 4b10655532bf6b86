"""How full filesystems are, as `stat -f` says, or `df` where there is no such `stat`.

One process for all paths. A path that does not exist is left out by both.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from shlex import quote

from mailvane.core.request import ShellCommand

# Filesystem id, type, block size, blocks: all, free, free for users; inodes: all, free; path.
_FORMAT = "%i|%T|%S|%b|%f|%a|%c|%d|%n"
_SCRIPT = """s=$(stat -f -c '@FORMAT@' -- @PATHS@)
if [ "$s" ]; then printf '%s\\n' "$s"; else
for p in @PATHS@; do [ -e "$p" ] && echo "path $p" && df -kP -- "$p" && df -iP -- "$p"; done
fi"""


@dataclass(frozen=True, slots=True)
class Filesystem:
    """One filesystem, and those of the asked paths that lie on it."""

    paths: tuple[str, ...]
    key: tuple[str, ...]
    """Two paths with equal keys are on one filesystem."""
    total_bytes: int
    used_bytes: int
    free_bytes: int
    """What programs that are not root may still write."""
    inodes: int
    """0 where the filesystem has no fixed number of them."""
    inodes_free: int

    @property
    def used_percent(self) -> float | None:
        """Used of what programs may use, as `df` counts it; None for a filesystem without a size."""
        room = self.used_bytes + self.free_bytes
        return 100 * self.used_bytes / room if room > 0 else None

    @property
    def inodes_used_percent(self) -> float | None:
        """None where inodes are made as they are needed (btrfs)."""
        return 100 * (self.inodes - self.inodes_free) / self.inodes if self.inodes > 0 else None


def command(paths: Sequence[str]) -> ShellCommand:
    """The question about these paths."""
    words = " ".join(quote(path) for path in paths)
    script = _SCRIPT.replace("@FORMAT@", _FORMAT).replace("@PATHS@", words)
    return ShellCommand(script, output_limit_bytes=32_768)


def parse(output: bytes) -> tuple[Filesystem, ...]:
    """Each filesystem once, in the order of its first path."""
    text = output.decode(errors="replace")
    one_path_each = list(_by_stat(text)) or list(_by_df(text))
    found: dict[tuple[str, ...], Filesystem] = {}
    for filesystem in one_path_each:
        known = found.get(filesystem.key)
        paths = (*known.paths, *filesystem.paths) if known else filesystem.paths
        found[filesystem.key] = replace(known or filesystem, paths=tuple(dict.fromkeys(paths)))
    return tuple(found.values())


def _by_stat(text: str) -> Iterator[Filesystem]:
    row = re.compile(r"([0-9a-f]+)\|([^|]*)((?:\|[0-9]{1,20}){6})\|(/.*)")
    for found in filter(None, map(row.fullmatch, text.splitlines())):
        size, blocks, free, users, inodes, inodes_free = map(int, found[3].split("|")[1:])
        yield Filesystem(
            paths=(found[4],),
            # btrfs has an id for each subvolume, of which all share one space.
            key=(
                "" if found[2] == "btrfs" else found[1],
                found[2],
                str(size * blocks),
                str(inodes),
            ),
            total_bytes=size * blocks,
            used_bytes=size * max(0, blocks - free),
            free_bytes=size * users,
            inodes=inodes,
            inodes_free=inodes_free,
        )


def _by_df(text: str) -> Iterator[Filesystem]:
    """A line `path …`, then two tables of one row: of kilobytes and of inodes."""
    row = re.compile(r"(\S.*?)\s+([0-9]{1,20}|-)\s+([0-9]{1,20}|-)\s+([0-9]{1,20}|-)\s+\S+\s+(/.*)")
    for part in re.split(r"^path ", text, flags=re.MULTILINE)[1:]:
        path, _, tables = part.partition("\n")
        rows = [found for found in map(row.fullmatch, tables.splitlines()) if found]
        if len(rows) == 2:
            total, used, free = (_number(word) for word in rows[0].group(2, 3, 4))
            inodes, _, inodes_free = (_number(word) for word in rows[1].group(2, 3, 4))
            yield Filesystem(
                paths=(path,),
                key=rows[0].group(1, 5),
                total_bytes=total * 1024,
                used_bytes=used * 1024,
                free_bytes=free * 1024,
                inodes=inodes,
                inodes_free=inodes_free,
            )


def _number(word: str) -> int:
    return 0 if word == "-" else int(word)


def asked(paths: Iterable[str]) -> tuple[str, ...]:
    """The paths without repetition."""
    return tuple(dict.fromkeys(paths))
