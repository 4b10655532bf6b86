"""Which log line counts as what: the awk functions that run on the server, made from patterns.

Patterns are those of POSIX extended regular expressions that mawk, gawk and BusyBox share: no intervals.
What a stranger can put into a line (a user name, a HELO) must not decide: patterns are anchored where the
program's own words stand, and Dovecot's `<…>` and `(…)` are taken out first.
"""

CLASSES = ("error", "saturation", "warning", "stranger", "reject", "sasl", "dovecot", "ssh")


def _any(*patterns: str) -> str:
    return "|".join(patterns)


_PATTERNS = {
    "FULL": _any(
        "has reached its process limit",
        "is using up [0-9]+ of [0-9]+ active queue entries",
        "not enough free space in mail queue",
        "(process_limit|client_limit) *reached",
        "[Tt]oo many open files",
        "No space left on device",
        "Cannot allocate memory",
        "Out of memory",
    ),
    # Postfix warns, but something of the server's own does not work.
    "BROKEN": _any(
        "^warning: connect to Milter service ",
        "^warning: milter [^ ]+: ",
        "^warning: process [^ ]+ pid [0-9]+ (exit status|killed by signal)",
        "^warning: SASL: Connect to ",
        "^warning: problem talking to (server|service) ",
        "^warning: cannot get [A-Za-z]+ (certificate|private key)",
        "^warning: No server certs available",
        "^warning: TLS library initialization",
        "^warning: [^ ]+: bad command startup",
        "^warning: .*queue file write error",
        "^warning: .*lookup (problem|failure|error)",
    ),
    "STRANGERS": _any(
        "^warning: hostname [^ ]+ does not resolve",
        "^warning: non-SMTP command from",
        "^warning: (Illegal|Malformed) address syntax from",
        "^warning: TLS library problem",
        "^warning: (numeric|malformed) (domain|hostname|request)",
        "^warning: valid_hostname",
        "^warning: Unable to look up (MX|NS|A|AAAA) ",
        "^warning: no (MX|NS) host",
        "^warning: .*(rate|concurrency) limit exceeded",
    ),
    # Not "Connection lost to authentication server": Dovecot lets one who guesses wait for up to 17 s,
    # Postfix for 10 s at most, so that any stranger makes that line, and Dovecot's answer to it.
    "SASL_DEAD": "authentication failed: Temporary authentication failure",
    "GAVE_UP": "auth client [0-9]+ disconnected with [0-9]+ pending requests",
    "OUR_FAULT": _any(
        ": 45[0-9] 4\\.3\\.",
        "milter-reject: .*: 451 4\\.7\\.1 Service unavailable",
    ),
    "OPENDKIM": _any(
        "can.t (load|open|read)",
        "key data is not secure",
        "error (opening|reading|loading)",
        "smfi_[a-z]+[^ ]* (failed|returned)",
        "dkim_(sign|eoh|eom).*(failed|resource unavailable)",
        "exited with status [1-9]",
        "Unable to (bind|create)",
        "configuration error",
    ),
    "SSH_CLOSED": "^(Connection (closed|reset) by|Disconnected from) (invalid|authenticating) user ",
    "DROPBEAR": "^(Bad (PAM )?password attempt|Login attempt for nonexistent user)",
    "DOVECOT_LEVEL": "^[a-z0-9_-]+: (.*: )?(Error|Fatal|Panic",
}

_FUNCTIONS = r"""
function number(text) { match(text, /[0-9]+/); return substr(text, RSTART, RLENGTH) + 0 }

function dovecot(m,   t) {
  if (m ~ /^[a-z0-9]+-login: /) {
    if (match(m, /auth failed, [0-9]+ attempt/)) {
      weight *= number(substr(m, RSTART, RLENGTH)); return "dovecot"
    }
    if (m ~ /\(proxy dest auth failed/) return "dovecot"
  }
  t = m; gsub(/<[^>]*>/, "", t); gsub(/\([^()]*\)/, "", t)
  if (t !~ /@DOVECOT_LEVEL@|Warning): /) return ""
  if (t ~ /@FULL@/) return "saturation"
  if (t ~ /@GAVE_UP@/) return "stranger"
  return t ~ /@DOVECOT_LEVEL@): / ? "error" : "warning"
}
function opendkim(m) {
  if (m ~ /@FULL@/) return "saturation"
  return m ~ /@OPENDKIM@/ ? "error" : ""
}
function ssh(m) {
  if (m ~ /^Failed [a-z\/-]+ for /) {
    if (tried[pid] == 1) { tried[pid] = 2; return "" }
    tried[pid] = 2; return "ssh"
  }
  if (m ~ /^Invalid user /) { tried[pid] = 1; return "ssh" }
  if (m ~ /@SSH_CLOSED@/) return tried[pid] ? "" : "ssh"
  return m ~ /@DROPBEAR@/ ? "ssh" : ""
}
function warning(m) {
  if (m ~ /: SASL [^ ]+ authentication (failed|aborted)/) return m ~ /@SASL_DEAD@/ ? "error" : "sasl"
  if (m ~ /@FULL@/) return "saturation"
  if (m ~ /@STRANGERS@/) return "stranger"
  return m ~ /@BROKEN@/ && m !~ /RBL lookup error/ ? "error" : "warning"
}
function class_of(program, m) {
  if (program ~ /^(sshd|dropbear)/) return ssh(m)
  if (program ~ /^dovecot/) return dovecot(m)
  if (program == "opendkim") return opendkim(m)
  if (m ~ /^warning: /) return warning(m)
  if (m ~ /^(fatal|panic|error): /) return m ~ /@FULL@/ ? "saturation" : "error"
  if (m ~ /^[0-9A-Za-z]+: (milter-)?reject: /) return m ~ /@OUR_FAULT@/ ? "error" : "reject"
  return ""
}
"""


def functions() -> str:
    """The awk text that defines `class_of(program, message)`; it may raise the global `weight`."""
    text = _FUNCTIONS
    for name, pattern in _PATTERNS.items():
        text = text.replace(f"@{name}@", pattern)
    return text
