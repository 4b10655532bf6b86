"""Secrets do not leave the text that they stand in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailvane.core.redact import redact, without_secrets

LINES = (
    "dovecot: auth: passwd-file(bob,192.0.2.1): Password mismatch (given password: hunter2)",
    "dovecot: auth: passwd-file(bob,192.0.2.1): Password mismatch (given password: my )hunter2 x)",
    "dovecot: auth(bob,192.0.2.1,sasl:plain)<x>: Info: sql: Password mismatch (given password: hunter2)",
    "dovecot: auth: ldap(bob): unknown user (SHA1 of given password: hunter2)",
    "dovecot: auth: Debug: client in: AUTH#0111#011PLAIN#011service=imap#011resp=hunter2",
    "dovecot: auth: Debug: client in: AUTH\t1\tPLAIN\tservice=imap\tresp=hunter2",
    "dovecot: auth: Debug: client in: CONT#0111#011hunter2",
    "dovecot: auth: Debug: client passdb out: OK#0111#011user=bob#011pass=hunter2",
    "dovecot: auth: Debug: sql(bob,192.0.2.1): Credentials: hunter2",
    "dovecot: auth: Debug: sql(bob): Generating CRAM-MD5 from user 'bob', password 'hunter2 x'",
    "dovecot: auth: Debug: passdb out: user=bob#011userdb_password={SHA512-CRYPT}$6$salt$hunter2",
    "bob:{SSHA}hunter2",
    "bob:{BLF-CRYPT}$2y$05$hunter2",
    "bob:$6$salt$hunter2:19000:0",
    "postfix/smtpd[1]: < x[192.0.2.1]: AUTH PLAIN hunter2",
    "postfix/smtpd[1]: < x[192.0.2.1]: AUTH SCRAM-SHA-256 hunter2",
    "postfix/smtpd[1]: < x[192.0.2.1]: hunter2=",
    "imap: a1 AUTHENTICATE PLAIN hunter2",
    "connection to postgresql://app:hunter2@db.example/app failed",
    "connection to postgresql://app:p@ss/hunter2@db.example/app failed",
    "redis://:hunter2@cache.example:6379/0",
    "Authorization: Bearer hunter2hunter2",
    "Authorization: Basic hunter2hunter2==",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.hunter2",
    "user=bob, password=hunter2, method=PLAIN",
    "password: hunter2",
    '{"user": "bob", "password": "hunter2 and more"}',
    "db_password=hunter2",
    "API-Key: hunter2",
    "POST /x?token=hunter2&y=1",
)


@pytest.mark.parametrize("line", LINES)
def test_a_secret_is_not_shown(line: str) -> None:
    """Whatever program wrote it, the secret is gone, and a mark shows that it was there."""
    assert "hunter2" not in redact(line)
    assert "***" in redact(line)


HARMLESS = (
    "postfix/smtpd[1]: warning: x[192.0.2.1]: SASL LOGIN authentication failed: UGFzc3dvcmQ6",
    "postfix/smtpd[1]: < x[192.0.2.1]: STARTTLS",
    "postfix/smtpd[1]: > x[192.0.2.1]: 250-AUTH PLAIN",
    "dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<bob>, method=PLAIN",
    "dovecot: auth: passwd-file(bob,192.0.2.1,<x>): Password mismatch",
    "sshd[1]: Failed password for root from 192.0.2.1 port 5 ssh2",
    "postfix/postscreen[1]: PASS NEW [192.0.2.1]:5",
    "opendkim[1]: 4AB: dkim=pass (2048-bit key)",
    "postfix/smtpd[1]: error: open database /etc/aliases.db: hash:/etc/aliases: No such file",
    "unknown key token 'x'",
    "spf=pass smtp.mailfrom=a@b.example",
    "2026-11-24T07:52:02.379557+00:00 mx1 postfix/smtp[1]: 4AB: to=<a@b>, status=sent (250 Ok)",
    "https://mx.example:8443/admin",
)


@pytest.mark.parametrize("line", HARMLESS)
def test_what_is_no_secret_stays(line: str) -> None:
    """An ordinary line is shown as it was written."""
    assert redact(line) == line


def test_a_line_cannot_steer_a_terminal() -> None:
    """Control characters and marks that turn the direction of text become visible; tabs stay."""
    assert redact("a\x1b[2Jb\rc\u202ed\te") == "a\ufffd[2Jb\ufffdc\ufffdd\te"


@given(st.text(max_size=200))
def test_nothing_more_is_found_in_what_was_redacted(text: str) -> None:
    """Redacting twice changes nothing, and no control character survives."""
    once = redact(text)
    assert redact(once) == once
    assert not any(ord(char) < 32 and char not in "\t\n" for char in once)


_PIECES = ("pass", "PassWord", ": ", "=", "'", "hunter2", "://", "u", "@", "{SSHA}", "$6$", "x$", "eyJ", "aaaaaaaaa",
           ".", "AUTH PLAIN ", "Bearer ", "client in: CONT", "\t1\t", "credentials", "< a[1.2.3.4]: ", "aGFs=", " ",
           "token", "#011resp=", "private-key", "given password", ", password '")  # fmt: skip


@given(st.lists(st.one_of(st.sampled_from(_PIECES), st.text(max_size=4)), max_size=8).map("".join))
def test_the_quick_look_overlooks_nothing(text: str) -> None:
    """A text that is let through at once is one in which no pattern finds anything."""
    assert ("***" in redact(text)) == ("***" in without_secrets(text))
