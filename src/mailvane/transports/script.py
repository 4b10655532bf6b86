r"""The frame: many shell commands as one text, and the one stream of bytes that comes back as many answers.

A long-lived POSIX `sh` (dash, bash, busybox ash) defines `_mv` once.
`_mv AS_ROOT SCRIPT` runs a script in a subshell, so that a syntax error, an `exit` or a `cd` in one command
disturbs neither the shell nor the next command; its standard input is empty.
After it come end marks, a newline of our own, the nonce and the exit status, on both streams:

    \n<nonce> <status>\n

The nonce is 128 random bits per batch that no command can see, so that no output can pass for a mark.
No process is started and no file is written for the frame itself: the disk may be full.
What a command leaves running in the background can still write into the answer of a later one.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from mailvane.core.request import ShellOutput

PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
FLOOD_FACTOR = 4
FLOOD_AT_LEAST_BYTES = 4 * 2**20

_PREAMBLE = r"""LC_ALL=C PATH={path}
export LC_ALL PATH
unset IFS CDPATH ENV BASH_ENV LANGUAGE
umask 077
ulimit -S -c 0 2>/dev/null
cd /
_mv() {{
 ( as_root=$1 _mv_script=$2; set --; unset _mv_nonce; eval "$_mv_script" ) </dev/null
 _mv_status=$?
 printf '\n%s %s\n' "$_mv_nonce" "$_mv_status"
 printf '\n%s %s\n' "$_mv_nonce" "$_mv_status" >&2
}}
"""


def preamble(path: str = PATH) -> str:
    """What a fresh shell must read before its first frame."""
    return _PREAMBLE.format(path=shlex.quote(path))


@dataclass(frozen=True, slots=True)
class Call:
    """One command as the frame carries it."""

    script: str
    as_root: str = ""
    """What `$as_root` is in the script: empty, or `sudo -n`."""
    timeout_seconds: float = 8.0
    limit_bytes: int = 262_144

    @property
    def flood_bytes(self) -> int:
        """More than this many bytes on one stream are no answer but a flood."""
        return max(FLOOD_AT_LEAST_BYTES, FLOOD_FACTOR * self.limit_bytes)


def frame_text(nonce: str, calls: Sequence[Call]) -> bytes:
    """What the shell must read to run the calls one after the other."""
    lines = [f"_mv_nonce={nonce}"]
    lines += [f"_mv {shlex.quote(call.as_root)} {shlex.quote(call.script)}" for call in calls]
    return ("\n".join(lines) + "\n").encode()


def mark(nonce: str, status: int = 0) -> bytes:
    """What ends an answer on each stream."""
    return f"\n{nonce} {status}\n".encode()


def ping_text(nonce: str) -> bytes:
    """What the shell must read to print one mark on its standard output, without any process."""
    return f"printf '\\n%s 0\\n' {nonce}\n".encode()


class Frame:
    """The answers of one batch, as they come in."""

    def __init__(self, nonce: str, calls: Sequence[Call]) -> None:
        self.calls = calls
        self.answered = 0
        """How many calls have ended."""
        self._output = _Stream(nonce, calls)
        self._error = _Stream(nonce, calls)

    def feed(self, data: bytes, *, error: bool) -> None:
        """Bytes of standard output, or of standard error, are taken in; what is over a limit is dropped."""
        (self._error if error else self._output).feed(data)
        self.answered = min(len(self._output.parts), len(self._error.parts))

    @property
    def complete(self) -> bool:
        """True when every call has ended."""
        return self.answered == len(self.calls)

    @property
    def flooded(self) -> bool:
        """True when the running call has written far more than may be kept."""
        if self.complete:
            return False
        limit = self.calls[self.answered].flood_bytes
        return self._output.over(self.answered, limit) or self._error.over(self.answered, limit)

    def output(self, index: int) -> ShellOutput:
        """What the call of that index, which has ended, left behind."""
        output, error = self._output.parts[index], self._error.parts[index]
        return ShellOutput(
            output.status, output.kept, error.kept, output.truncated or error.truncated
        )

    def begun(self) -> bytes:
        """The start of what the running call has written, error first; for a message."""
        return self._error.running + self._output.running


@dataclass(frozen=True, slots=True)
class _Part:
    status: int
    kept: bytes
    truncated: bool


class _Stream:
    """One stream, cut at the marks."""

    __slots__ = ("_calls", "_kept", "_mark", "_pending", "_total", "parts")

    def __init__(self, nonce: str, calls: Sequence[Call]) -> None:
        self.parts: list[_Part] = []
        self._mark = f"\n{nonce} ".encode()
        self._calls = calls
        self._pending = bytearray()
        """Not yet known to be free of marks."""
        self._kept = bytearray()
        self._total = 0

    @property
    def running(self) -> bytes:
        return bytes(self._kept + self._pending)[:400]

    def over(self, index: int, limit: int) -> bool:
        return len(self.parts) == index and self._total > limit

    def feed(self, data: bytes) -> None:
        self._pending += data
        while len(self.parts) < len(self._calls):
            start = self._pending.find(self._mark)
            if start < 0:
                self._keep(len(self._pending) - len(self._mark) + 1)
                return
            end = self._pending.find(b"\n", start + 1)
            if end < 0:
                return
            self._end(start, end)
        self._pending.clear()

    def _end(self, start: int, end: int) -> None:
        status = int(self._pending[start + len(self._mark) : end])
        self._keep(start)
        del self._pending[: end - start + 1]
        limit = self._calls[len(self.parts)].limit_bytes
        self.parts.append(_Part(status, bytes(self._kept), self._total > limit))
        self._kept.clear()
        self._total = 0

    def _keep(self, count: int) -> None:
        """The first `count` pending bytes are output: kept as far as the limit goes."""
        if count <= 0:
            return
        room = self._calls[len(self.parts)].limit_bytes - len(self._kept)
        if room > 0:
            self._kept += self._pending[: min(count, room)]
        del self._pending[:count]
        self._total += count
