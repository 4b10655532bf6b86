"""The question to `postqueue`, gathered on the server, and how its answer reads.

`postqueue -j` writes one JSON object a line, 330 bytes for each message: 16 MB for 50,000 of them.
So an awk on the server reads the first 2,000, and only counts leave it.
It cuts a line at the quotes that JSON does not escape: odd fields are structure, even ones are strings.
Reasons lose what differs from message to message (addresses, numbers, ids), so that equal causes count as one.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from mailvane.core.errors import DoesNotApply, GarbledAnswer, NotAnswered
from mailvane.core.request import ShellCommand, ShellOutput
from mailvane.core.response import Answers, Reason, Unanswered
from mailvane.core.server import Server

NOT_FOUND = 127
SAMPLE = 2000
"""Messages that are looked at: more than the number from which the queue is unhealthy."""
TOP = 10

# The braces print postqueue's exit status after its last line; with more messages than are looked at,
# awk has gone by then. Depth 1 is the message, depth 3 a recipient; members not known are passed over.
_AWK = r"""
function plain(text,   n, i, said, words) {
  sub(/^delivery temporarily suspended: /, "", text)
  sub(/^host [^ ]+ said: /, "", text)
  sub(/^host [^ ]+ refused/, "refused", text)
  gsub(/\\u[0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F]/, "?", text)
  gsub(/\\./, " ", text)
  gsub(/<[^<>]*>/, "<>", text)
  gsub(/[^ <>]+@[^ <>]+/, "<>", text)
  gsub(/name=[^ ]+/, "name=#", text)
  sub(/^connect to [^ ]*\]:/, "connect to port ", text)
  gsub(/\[[^] ]*\]/, "", text)
  n = split(substr(text, 1, 300), words, " ")
  said = ""
  for (i = 1; i <= n; i++) {
    if (words[i] ~ /[0-9]/ && !code(words, i)) {
      if (length(words[i]) > 7) words[i] = "#"
      gsub(/[0-9]+/, "#", words[i])
    }
    said = said (i > 1 ? " " : "") words[i]
  }
  return said == "" ? "no reason given" : substr(said, 1, 160)
}
function code(words, i) {
  if (words[i] ~ /^[245][0-9][0-9][- ]?$/ && (i == 1 || words[i + 1] ~ /^[245]\.[0-9]+\.[0-9]+$/)) return 1
  if (words[i] ~ /^[245][0-9][0-9]-[245]\.[0-9]+\.[0-9]+$/) return 1
  if (words[i] ~ /^[245]\.[0-9]+\.[0-9]+$/) return 1
  return i > 1 && words[i - 1] == "port"
}
function domain(address) {
  sub(/^.*@/, "", address)
  address = tolower(substr(address, 1, 100))
  gsub(/[^a-z0-9._-]/, "?", address)
  return address
}
function once(kind, what) {
  if (last[kind, what] == NR) return
  last[kind, what] = NR
  if (kind == "reason") reasons[what]++
  else domains[what]++
}
function top(kind, count,   i, key, best) {
  for (i = 0; i < @TOP@; i++) {
    best = ""
    for (key in count)
      if (best == "" || count[key] > count[best] || (count[key] == count[best] && key < best)) best = key
    if (best == "") return
    print kind, count[best], best
    delete count[best]
  }
}
BEGIN { FS = "\"" }
/^exit [0-9]+$/ { print; next }
/^$/ { next }
!/^\{/ { bad++; next }
++seen > @SAMPLE@ { seen--; print "cut"; exit }
{
  if (length($0) > 16384) $0 = substr($0, 1, 16384)
  gsub(/\\[\\"]/, "?")
  queue = arrival = address = ""
  depth = 0
  for (i = 2; i < NF; i += 2) {
    shape = $(i - 1)
    depth += gsub(/[[{]/, "", shape)
    shape = $(i - 1)
    depth -= gsub(/[]}]/, "", shape)
    if ($(i + 1) !~ /^ *:/) continue
    key = $i
    if ($(i + 1) ~ /^ *: *$/) { value = $(i + 2); i += 2 }
    else { value = $(i + 1); gsub(/[^0-9]/, "", value) }
    if (depth == 1 && key == "queue_name") queue = value
    else if (depth == 1 && key == "arrival_time") arrival = value
    else if (depth == 3 && key == "address") address = value
    else if (depth == 3 && key == "delay_reason") {
      once("reason", plain(value))
      if (address ~ /@/) once("domain", domain(address))
    }
  }
  if (queue !~ /^[a-z]+$/ || arrival !~ /^[0-9]+$/) { bad++; next }
  count[queue]++
  if (!(queue in oldest) || arrival + 0 < oldest[queue] + 0) oldest[queue] = arrival
}
END {
  for (queue in count) print "queue", queue, count[queue], oldest[queue]
  top("reason", reasons)
  top("domain", domains)
  if (bad) print "bad", bad
}"""

COMMAND = ShellCommand(
    "{ postqueue -j; e=$?; echo; echo exit $e; } | awk '"
    + _AWK.replace("@TOP@", str(TOP)).replace("@SAMPLE@", str(SAMPLE))
    + "'",
    output_limit_bytes=32_768,
)
IN_FLOOD = replace(COMMAND, keep_seconds=300)
"""The same while the files give the number of a flood: opening 2,000 messages and more costs half a second."""


DOWN = "Postfix is not running"


@dataclass(frozen=True, slots=True)
class Sample:
    """The queue as `postqueue` lists it, or the first 2,000 messages of it."""

    exit_status: int | None
    """What postqueue ended with; None when it was cut off."""
    error: str
    counts: Mapping[str, int]
    """Messages by queue."""
    oldest: Mapping[str, int]
    """Unix time at which the oldest message of each queue arrived."""
    reasons: tuple[tuple[str, int], ...]
    """The most frequent causes of delay, and how many messages have them."""
    domains: tuple[tuple[str, int], ...]
    """The domains that most delayed messages are for."""
    unread: int
    """Lines that are no message."""

    @property
    def cut(self) -> bool:
        """True when there are more messages than were looked at."""
        return self.exit_status is None

    @property
    def whole(self) -> bool:
        """True when every message was looked at and understood."""
        return not self.cut and not self.unread

    @property
    def mail_system_is_down(self) -> bool:
        """True when postqueue says so; as root it then reads the files itself, and ends with 0."""
        return "mail system is down" in self.error.lower()

    def oldest_at(self, queues: Iterable[str]) -> datetime | None:
        """When the oldest of the messages in these queues arrived; None without one."""
        known = [self.oldest[queue] for queue in queues if queue in self.oldest]
        return datetime.fromtimestamp(min(known), UTC) if known else None

    @property
    def cause(self) -> str:
        """The most frequent reason and where that mail goes, as an end of a sentence."""
        if not self.reasons:
            return ""
        reason, count = self.reasons[0]
        often = "mostly" if 2 * count > sum(self.counts.values()) else "most often"
        to = f" for {self.domains[0][0]}" if self.domains else ""
        return f", {often} `{reason}`{to}"

    def details(self) -> dict[str, object]:
        """The causes for a screen."""
        return {
            "maildrop": self.counts.get("maildrop", 0),
            "reasons": [{"reason": reason, "count": count} for reason, count in self.reasons],
            "domains": [{"domain": domain, "count": count} for domain, count in self.domains],
            "sampled": sum(self.counts.values()),
            "sampled_all": self.whole,
        }


def sample(server: Server, answers: Answers, command: ShellCommand) -> Sample:
    """What `postqueue` listed; raises when it did not, with what to do about it."""
    listed = parse(answers[command])
    if listed.exit_status == NOT_FOUND:
        raise _missing(server)
    if listed.exit_status and listed.mail_system_is_down:
        raise mail_system_is_down()
    if listed.exit_status and "not allowed to view" in listed.error:
        raise _forbidden(listed.error)
    if listed.exit_status:
        said = listed.error[:200] or "nothing"
        raise GarbledAnswer(f"`postqueue -j` ended with {listed.exit_status} and said: {said}")
    if listed.unread and not listed.counts:
        raise GarbledAnswer(
            "expected a JSON object a line from `postqueue -j` (Postfix 3.1), found none"
        )
    return listed


def mail_system_is_down() -> NotAnswered:
    """The error for a queue that nobody can list, since its owner is not there."""
    detail = f"{DOWN}, so that `postqueue` lists nothing"
    return NotAnswered(
        Unanswered(Reason.REFUSED, detail, "journalctl -u postfix@-; systemctl start postfix")
    )


def _missing(server: Server) -> NotAnswered | DoesNotApply:
    wanted = any(service.name == "postfix" for service in server.services or ())
    if not wanted:
        return DoesNotApply("Postfix is not installed here")
    return NotAnswered(
        Unanswered(
            Reason.NOT_FOUND,
            "there is no `postqueue` on this server",
            "install Postfix, or take postfix out of the list of services",
        )
    )


def _forbidden(error: str) -> NotAnswered:
    """`postqueue: fatal: User monitor(1000) is not allowed to view the mail queue`."""
    user = re.search(r"User ([a-z_][a-z0-9_.-]{0,31})\(", error)
    name = user[1] if user else "USER"
    return NotAnswered(
        Unanswered(
            Reason.NOT_PERMITTED,
            f"Postfix does not let {name} see its queue (authorized_mailq_users)",
            f'postconf -e "authorized_mailq_users = $(postconf -h authorized_mailq_users), {name}"',
        )
    )


def parse(output: ShellOutput) -> Sample:
    """The sample as the server gathered it."""
    text = output.output.decode(errors="replace")
    cut = re.search(r"^cut$", text, re.MULTILINE) is not None
    exits = re.findall(r"^exit ([0-9]{1,3})$", text, re.MULTILINE)
    error = output.error.decode(errors="replace").strip()
    if not exits and not cut:
        raise GarbledAnswer(
            f"expected counts of the queue from postqueue and awk, found {(error or text)[:80]!r}"
        )
    queues = re.findall(r"^queue ([a-z]{1,20}) ([0-9]{1,9}) ([0-9]{1,11})$", text, re.MULTILINE)
    return Sample(
        exit_status=None if cut else int(exits[-1]),
        error=error,
        counts={name: int(count) for name, count, _ in queues},
        oldest={name: int(oldest) for name, _, oldest in queues},
        reasons=_ranked("reason", text),
        domains=_ranked("domain", text),
        unread=sum(map(int, re.findall(r"^bad ([0-9]{1,9})$", text, re.MULTILINE))),
    )


def _ranked(kind: str, text: str) -> tuple[tuple[str, int], ...]:
    found = re.findall(rf"^{kind} ([0-9]{{1,9}}) (.+)$", text, re.MULTILINE)
    return tuple((what, int(count)) for count, what in found[:TOP])
