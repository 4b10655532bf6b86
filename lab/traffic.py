"""Mail that flows through a lab host as an application sends it, and the log that the application keeps."""

import random
import smtplib
import sqlite3
import ssl
import threading
from contextlib import closing
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path

from lab.host import Host

SUBMISSION_PORT = 587
USER, PASSWORD = "alice", "alice-secret"
# One in a hundred goes to a domain that rejects: a bounce rate as good senders have it.
BOUNCE_SHARE = 0.01

SCHEMA = """
CREATE TABLE IF NOT EXISTS email_logs (
    id INTEGER PRIMARY KEY,
    provider TEXT NOT NULL,
    recipient TEXT NOT NULL,
    status TEXT NOT NULL,
    message_id TEXT,
    error TEXT,
    created_at TEXT NOT NULL
)
"""


class Traffic:
    """Sends a mail every `interval_seconds` over submission with STARTTLS and a login."""

    def __init__(self, host: Host, ca_file: Path, database: Path, interval_seconds: float) -> None:
        self._host = host
        self._trust = ssl.create_default_context(cafile=str(ca_file))
        self._database = database
        self._interval_seconds = interval_seconds
        self._over = threading.Event()
        with closing(sqlite3.connect(database)) as log, log:
            log.execute(SCHEMA)
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)

    def start(self) -> None:
        """Mail flows until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """No more mail is sent."""
        self._over.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while not self._over.wait(self._interval_seconds):
            self.send_one()

    def send_one(self) -> None:
        """One mail was handed over or refused, and the log says which."""
        domain = "reject.test" if random.random() < BOUNCE_SHARE else "accept.test"  # noqa: S311
        mail = EmailMessage()
        mail["From"] = f"{USER}@{self._host.hostname}"
        mail["To"] = f"user@{domain}"
        mail["Subject"] = "lab traffic"
        mail["Message-ID"] = make_msgid(domain=self._host.hostname)
        mail.set_content("Mail that flows.\n")
        error = self._submit(mail)
        status = "failed" if error else "bounced" if domain == "reject.test" else "sent"
        with closing(sqlite3.connect(self._database)) as log, log:
            log.execute(
                "INSERT INTO email_logs (provider, recipient, status, message_id, error, created_at)"
                " VALUES ('custom-smtp', ?, ?, ?, ?, ?)",
                (mail["To"], status, mail["Message-ID"], error, _now()),
            )

    def _submit(self, mail: EmailMessage) -> str | None:
        """None when the server took the mail, else why not."""
        try:
            with smtplib.SMTP(self._host.address, SUBMISSION_PORT, timeout=10) as smtp:
                smtp._host = self._host.hostname  # type: ignore[attr-defined]  # noqa: SLF001  the name to verify
                smtp.starttls(context=self._trust)
                smtp.login(USER, PASSWORD)
                smtp.send_message(mail)
        except (OSError, smtplib.SMTPException) as error:
            return str(error)[:200]
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
