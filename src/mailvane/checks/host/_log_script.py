"""The script that reads logs on from a remembered place and counts what is in them, on the server.

Only counts and a few lines leave the server, so that a flood of a million lines costs no more to carry
than a quiet night. It needs a POSIX shell, awk, stat, tail, head and date; GNU's and BusyBox' both do.

What it prints is read by `_log_answer`. Lines that begin with the byte 1 never come from a log daemon:
rsyslog, journald and Postfix all replace control characters.
"""

from collections.abc import Iterable, Sequence
from shlex import quote

from mailvane.checks.host._log_kinds import CLASSES, functions

CHUNK_BYTES = 8 * 2**20
"""The most that one sweep reads: some 60,000 lines, a fraction of a second of awk."""
BEHIND_BYTES = 8 * CHUNK_BYTES
"""Farther behind than this, the script skips forward and says so."""
FIRST_BYTES = 256 * 2**10
"""How far before the end the first sweep begins."""
JOURNAL_LINES = 20_000
"""The most journal entries of one sweep."""

_SHELL = r"""# read the logs on
LC_ALL=C; export LC_ALL
left=@CHUNK@
say() { printf '\001%s\n' "$1"; }
chunk() {
  o=$4 m=$5 skip=0
  if [ "$o" -gt "$3" ]; then o=0 m=c; say "truncated $1"; fi
  b=$(($3 - o))
  if [ "$b" -gt @BEHIND@ ]; then skip=$((b - left)); o=$((o + skip)); b=$left; m=m; fi
  [ "$b" -gt "$left" ] && b=$left
  left=$((left - b))
  say "part $2 $3 $o $b $skip $m $1"
  if [ "$b" -gt 0 ]; then
    if [ "$o" -gt 0 ]; then tail -c "+$o" "$1" | head -c "$((b + 1))"
    else echo; head -c "$b" "$1"; fi
  fi
  say end
}
rotated() {
  while read -r i s n; do
    case $n in *.gz|*.bz2|*.xz|*.zst) continue ;; esac
    if [ "$i" = "$1" ] && [ -r "$n" ]; then chunk "$n" "$i" "$s" "$2" "$3"; return; fi
  done <<END
$(stat -L -c '%i %s %n' "$f".[0-9]* "$f"-[0-9]* 2>/dev/null)
END
  say "lost $1 $f"
}
look() {
  had=$1; shift
  f= ino=0 size=0 seen=
  for c; do if [ -f "$c" ]; then f=$c; break; fi; done
  if [ -z "$f" ]; then
    if [ -z "$had" ]; then say "missing $1"; return 1; fi
    f=$1
  elif [ -r "$f" ]; then
    set -- $(stat -L -c '%i %s' "$f")
    ino=$1 size=$2
  else
    say "denied $(id -un) $(stat -L -c '%U:%G 0%a' "$f") $f"; return 0
  fi
  say "file $f"
  for p in $had; do
    i=${p%%:*}; p=${p#*:}
    if [ "$i" = "$ino" ]; then seen=1; chunk "$f" "$ino" "$size" "${p%:*}" "${p#*:}"
    else rotated "$i" "${p%:*}" "${p#*:}"; fi
  done
  if [ "$seen" ] || [ "$ino" = 0 ]; then return 0; fi
  if [ "$had" ] || [ "$size" -le @FIRST@ ]; then chunk "$f" "$ino" "$size" 0 c
  else chunk "$f" "$ino" "$size" $((size - @FIRST@)) m; fi
}
journal() {
  command -v journalctl >/dev/null || return 1
  seen= shut=
  for d in /run/log/journal /var/log/journal /run/log/journal/* /var/log/journal/*; do
    if [ -r "$d/system.journal" ]; then seen=1; break; fi
    if [ -f "$d/system.journal" ]; then shut=$d/system.journal
    elif [ -d "$d" ] && [ ! -x "$d" ]; then shut=$d; fi
  done
  if [ -z "$seen" ]; then
    [ "$shut" ] || return 1
    say "denied $(id -un) $(stat -L -c '%U:%G 0%a' "$shut") $shut"; return 0
  fi
  say "journal"
  if [ "$1" ]; then entries --after-cursor="$1" && return; say restart; fi
  entries --since=-15min
}
entries() {
  journalctl -q --no-pager -o short-iso --show-cursor -n @JOURNAL@ "$1" \
    SYSLOG_FACILITY=2 SYSLOG_FACILITY=4 SYSLOG_FACILITY=10
}
{
say "now $(date '+%s %z')"
@LOOKS@
} | awk '@AWK@'
"""

_AWK = r"""
BEGIN { n = split("@CLASSES@", classes, " "); OFS = "\t"; cut = 1 }

function minute(   zone) {
  if ($0 ~ /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:/) {
    zone = substr($1, 20); sub(/^\.[0-9]+/, "", zone)
    if (zone !~ /^(Z|[+-][0-9][0-9]:?[0-9][0-9])$/) zone = ""
    cut = 16
  } else if ($0 ~ /^[A-Z][a-z][a-z] [ 0-9][0-9] [0-9][0-9]:[0-9][0-9]:/) { cut = 12; zone = "" }
  else { unparsed++; return }
  start = substr($0, 1, cut)
  name = start zone
  if (fresh) { print "first", name; fresh = 0 }
  if (name in kept) return
  kept[name] = 1; ring[++minutes] = name
  if (minutes > 40) { forget(ring[minutes - 40]); delete ring[minutes - 40] }
}
function forget(old,   i) {
  delete kept[old]; delete count[old, "lines"]
  for (i = 1; i <= n; i++) delete count[old, classes[i]]
}
function note(class) {
  count[name, class] += weight
  last = class
  e = ++seen[class] % 10
  line[class, e] = NR OFS name OFS substr($0, 1, 500)
}
function study(   rest, tag, program, class, i, words) {
  rest = $0
  if (cut == 16) sub(/^[^ ]+ +/, "", rest); else rest = substr(rest, 17)
  sub(/^[^ ]+ +/, "", rest)
  i = index(rest, " "); tag = substr(rest, 1, i - 1); rest = substr(rest, i + 1)
  if (numbered) { pid = rest + 0; sub(/^[^ ]+ [^ ]+ [^ ]+ /, "", rest) }
  else {
    pid = match(tag, /\[[0-9]+\]/) ? substr(tag, RSTART + 1, RLENGTH - 2) : ""
    sub(/(\[[0-9]+\])?:$/, "", tag)
  }
  program = tag; sub(/^.*\//, "", program)
  if (rest ~ /^message repeated [0-9]+ times: \[/) {
    split(rest, words, " "); weight = words[3] > 100000 ? 100000 : words[3] + 0
    sub(/^[^[]*\[ ?/, "", rest)
  }
  class = class_of(program, rest)
  if (class != "") note(class)
  else last = ""
}
{
  if (substr($0, length($0) - 3) == "\001end") { print "end", length($0) - 4; next }
  if (substr($0, 1, 1) == "\001") {
    print substr($0, 2)
    gone = 0; first = ($1 == "\001part"); middle = ($7 == "m")
    fresh = (first || $1 == "\001journal" || $1 == "\001restart"); start = "\001"; name = "-"
    next
  }
  if (first) {
    first = 0
    if (!middle && $0 != "") { gone = 1; print "replaced" }
    next
  }
  if (gone || $0 == "") next
  if ($1 == "--") { if ($2 == "cursor:") print "cursor", $3; next }
  numbered = 0
  if ($0 ~ /^<[0-9]+>1 /) { sub(/^[^ ]+ /, ""); numbered = 1 }
  if (substr($0, 1, cut) != start) minute()
  lines++; weight = 1
  count[name, "lines"]++
  if ($0 ~ /arning: |rror: |atal: |anic: |reject: |auth failed|opendkim|sshd|dropbear|repeated /) {
    if ($0 ~ / last message repeated [0-9]+ times/) {
      if (last != "") { weight = number(substr($0, index($0, "repeated "))); note(last) }
    } else study()
  } else last = ""
}
END {
  kept["-"] = 1
  for (k in kept) {
    if (count[k, "lines"]) print "count", k, "lines", count[k, "lines"]
    for (i = 1; i <= n; i++) if (count[k, classes[i]]) print "count", k, classes[i], count[k, classes[i]]
  }
  for (i = 1; i <= n; i++) for (e = 0; e < 10; e++)
    if ((classes[i], e) in line) print "line", classes[i], line[classes[i], e]
  print "done", lines + 0, unparsed + 0
}
"""


def script(looks: Iterable[str]) -> str:
    """The whole script around the lines that say what to look at (see `file` and `usual_places`)."""
    values = {
        "@CHUNK@": str(CHUNK_BYTES),
        "@BEHIND@": str(BEHIND_BYTES),
        "@FIRST@": str(FIRST_BYTES),
        "@JOURNAL@": str(JOURNAL_LINES),
        "@LOOKS@": "\n".join(looks),
        "@AWK@": functions() + _AWK.replace("@CLASSES@", " ".join(CLASSES)),
    }
    text = _SHELL
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text


def file(places: str, paths: Sequence[str]) -> str:
    """Reads the first of the files that exists on from the places (`inode:offset:mode` each)."""
    return " ".join(("look", quote(places), *map(quote, paths)))


def usual_places(mail: str, login: str, cursor: str) -> str:
    """Reads the mail log and the login log; without a mail log the journal; without that what is there."""
    return f"if {mail}; then {login}; elif ! journal {quote(cursor)}; then {login}; fi"
