"""Secrets in text that came from elsewhere, made unreadable before it is kept or shown."""

import re

_SASL = r"PLAIN|LOGIN|XOAUTH2|OAUTHBEARER|NTLM|EXTERNAL|GSSAPI|(?:CRAM|DIGEST)-MD5|SCRAM-[A-Z0-9-]+"
_KEYS = r"pass|password|passwd|passphrase|pwd|secret|token|api[-_]?key|resp|private[-_]?key"
_HASHES = (
    r"S?SHA|S?MD5|MD4|CRYPT|DES|BLF|BCRYPT|ARGON2|PBKDF2|SCRAM|CRAM|DIGEST|PLAIN|CLEAR|NTLM|LM"
)

_PATTERNS = (
    # Dovecot's auth_verbose_passwords: "(given password: x y)", "(SHA1 of given password: x)"; a password
    # may have spaces and brackets, so that the rest of the line goes.
    re.compile(r"(?i)(given password(?: for [^:]*)?:\s*).+"),
    # Dovecot's auth_debug_passwords; a tab is #011 in rsyslog's files.
    re.compile(r"(client in: CONT(?:\s|#011)+\d+(?:\s|#011)+)[^\s#]+"),
    re.compile(r"(?i)(\b(?:credentials|crypted)\s*[:=]\s*)[^\s,;]+"),
    # Dovecot's "from user 'x', password 'x'"; then password="x y", "password": "x".
    re.compile(r"(, password ')[^']+(?=')"),
    re.compile(rf"(?i)(\b(?:{_KEYS})[\"']?\s*[=:]\s*[\"'])[^\"']+(?=[\"'])"),
    # user=..., password=..., passwd: ..., token=..., api_key=..., secret=...; `pass:` is a word of its own.
    re.compile(
        rf"(?i)((?:\b|_|#011)(?:(?:{_KEYS})\s*=|(?!pass:|resp:)(?:{_KEYS})\s*:)\s*)[^\s,;&\"'#]+"
    ),
    # Authorization: Bearer x / Basic x
    re.compile(r"(?i)\b((?:bearer|basic)\s+)[A-Za-z0-9+/=._~-]{8,}"),
    # AUTH PLAIN x, AUTHENTICATE PLAIN x
    re.compile(rf"(?i)\b(AUTH(?:ENTICATE)?\s+(?:{_SASL})\s+)\S+"),
    # Postfix' debug_peer_list shows what a client types after AUTH LOGIN on a line of its own.
    re.compile(
        r"(< \S+\[[0-9A-Fa-f.:]+\]: )(?!(?:QUIT|DATA|RSET|NOOP|HELP|STARTTLS)\s*$)[A-Za-z0-9+/]+=*\s*$"
    ),
    # scheme://user:secret@host; a secret may hold what it should not.
    re.compile(r"([a-z][a-z0-9+.-]{0,20}://[^\s:/@]*:)\S+(?=@)"),
    # {SSHA}x, {SHA512-CRYPT}x and the other hashes that a password database shows.
    re.compile(rf"(\{{(?:{_HASHES})[A-Z0-9.-]*\}})\S+"),
    # crypt(3): $6$salt$hash
    re.compile(r"(\$(?:1|2[abxy]?|5|6|7|y|argon2id?|scrypt)\$)[^\s,;\"']+"),
    # A JSON Web Token.
    re.compile(r"\b(eyJ)[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_TRACES = re.compile(
    r"(?i)pass|pwd|secret|token|api[-_]?key|resp|private|client in:|credentials|crypted|bearer|basic|auth"
    r"|< |://|\{|\$|eyj"
)
"""Every text in which a pattern finds something has one of these; most texts have none."""


def redact(text: str) -> str:
    """The text without secrets, control characters and marks that turn its direction."""
    return _CONTROL.sub(
        "\N{REPLACEMENT CHARACTER}", without_secrets(text) if _TRACES.search(text) else text
    )


def without_secrets(text: str) -> str:
    """The text with every secret that a pattern finds replaced by `***`."""
    for pattern in _PATTERNS:
        text = pattern.sub(r"\1***", text)
    return text
