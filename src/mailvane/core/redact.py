"""Secrets in text that came from elsewhere, made unreadable before it is kept or shown."""

import re

_PATTERNS = (
    # Dovecot's debug log: "given password: x", "SHA1 of given password: x".
    re.compile(r"(?i)(given password(?: for [^:]*)?:\s*)\S+"),
    # user=..., password=..., passwd: ..., token=..., api_key=..., secret=...
    re.compile(r"(?i)\b((?:password|passwd|pwd|secret|token|api[-_]?key)\s*[=:]\s*)[^\s,;&\"']+"),
    # Authorization: Bearer x / Basic x
    re.compile(r"(?i)\b((?:bearer|basic)\s+)[A-Za-z0-9+/=._~-]{8,}"),
    # AUTH PLAIN x / AUTH LOGIN x
    re.compile(r"(?i)\b(AUTH\s+(?:PLAIN|LOGIN|XOAUTH2)\s+)\S+"),
    # scheme://user:secret@host
    re.compile(r"([a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@/]+(?=@)"),
    # {SSHA}x and the other hashes that a password database shows.
    re.compile(
        r"(\{(?:SHA|SSHA|SHA256|SSHA256|SHA512|SSHA512|CRYPT|MD5|PLAIN|BLF-CRYPT|ARGON2ID?)\})\S+"
    ),
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def redact(text: str) -> str:
    """The text without secrets, control characters and marks that turn its direction."""
    for pattern in _PATTERNS:
        text = pattern.sub(r"\1***", text)
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
