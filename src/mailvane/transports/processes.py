"""Processes on the server: a command that hangs is ended with all that it started.

Read from /proc, as `ps` is not everywhere and prints names that a process chose for itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailvane.transports.script import Call

# The last line of /proc/PID/stat: a name may hold newlines and brackets, what follows its last bracket not.
# After it: 1 state, 2 parent, 20 start time in clock ticks since boot (proc(5)).
_READ = r"""
function read_stat(pid,    file, line) {
  file = "/proc/" pid "/stat"; last = ""
  while ((getline line < file) > 0) last = last line " "
  close(file)
  name = last; sub(/^[^(]*\(/, "", name); sub(/\)[^)]*$/, "", name)
  rest = last; sub(/^.*\) /, "", rest)
  split(rest, field, " ")
  return last != "" && field[1] != "Z" && field[1] != "X"
}
"""

_TREE = (
    _READ
    + r"""
BEGIN {
  for (i = 1; i < ARGC; i++) {
    pid = ARGV[i]; gsub(/[^0-9]/, "", pid)
    if (read_stat(pid)) { parent[pid] = field[2]; start[pid] = field[20] }
  }
  if (whole && (top in parent)) print top ":" start[top]
  found[top] = 1
  do {
    grew = 0
    for (pid in parent)
      if (!(pid in found) && (parent[pid] in found)) { found[pid] = grew = 1; print pid ":" start[pid] }
  } while (grew)
}"""
)

_ALIVE = (
    _READ
    + r"""
BEGIN {
  for (i = 1; i < ARGC; i++) {
    split(ARGV[i], it, ":")
    if (read_stat(it[1]) && field[20] == it[2]) print it[1] ":" it[2], name
  }
}"""
)

# First all stand still, so that none can start another one unseen; then they are killed.
# A shell that waits for one that would not die is of no use any more.
_KILL = """
tree() {{ awk -v top={pid} -v whole={whole} '{tree}' /proc/[0-9]*/stat; }}
alive() {{ awk '{alive}' "$@"; }}
each() {{ signal=$1; shift; for it; do kill -"$signal" "${{it%:*}}" 2>/dev/null; done; }}
each STOP $(tree)
set -- $(tree)
each KILL "$@"
for pause in 0.1 0.3 0.6; do
  left=$(alive "$@")
  [ -n "$left" ] || exit 0
  sleep $pause 2>/dev/null || sleep 1
done
kill -KILL {pid} 2>/dev/null
printf '%s\\n' "$left"
"""

MOST_REMEMBERED = 20


@dataclass(frozen=True, slots=True)
class Process:
    """A process on the server, told from a later one of the same number by its start."""

    pid: int
    start: str
    name: str


def kill_call(pid: int, *, whole: bool) -> Call:
    """Ends all that the shell started, and with `whole` the shell; prints what would not die.

    When something would not, the shell is ended too.
    """
    text = _KILL.format(pid=pid, whole=int(whole), tree=_TREE, alive=_ALIVE)
    return Call(text, timeout_seconds=4.0, limit_bytes=65_536)


def alive_call(processes: Iterable[Process]) -> Call:
    """Prints those of the processes that still run."""
    words = " ".join(f"{process.pid}:{process.start}" for process in processes)
    return Call(f"awk '{_ALIVE}' {words}", timeout_seconds=4.0, limit_bytes=65_536)


def parse(output: bytes) -> tuple[Process, ...]:
    """The processes that `kill_call` or `alive_call` printed; lines of another form are left out."""
    found = []
    for line in output.decode(errors="replace").splitlines()[:MOST_REMEMBERED]:
        number, _, name = line.partition(" ")
        pid, _, start = number.partition(":")
        if pid.isdecimal() and start.isdecimal():
            found.append(Process(int(pid), start, name[:40]))
    return tuple(found)


def named(processes: Sequence[Process]) -> str:
    """The processes as a sentence part: `process 12 (sudo), process 13 (tail)`."""
    return ", ".join(f"process {process.pid} ({process.name})" for process in processes)


def kill_command(processes: Sequence[Process]) -> str:
    """What an administrator types to end them."""
    return "sudo kill -9 " + " ".join(str(process.pid) for process in processes)
