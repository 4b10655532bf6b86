"""Mails that a host sends: a few by SMTP, very many as copies of one in its queue."""

import contextlib
import os
import re
import secrets
import time
from pathlib import Path

from lab.errors import LabError
from lab.power import Power

SPOOL = "var/spool/postfix"
# How long Postfix leaves the copies alone; without it the queue would be tried at once.
REST_SECONDS = 4000


class Mails:
    """The mails of one host."""

    def __init__(self, power: Power) -> None:
        self.power = power
        self.log = power.files / "var/log/mail.log"
        self.deferred = power.files / SPOOL / "deferred"
        self.defer = power.files / SPOOL / "defer"

    def deliver(self, count: int, domain: str, outcome: str) -> list[str]:
        """So many mails to the domain were tried; returns the queue ids with that outcome."""
        # Told apart from every other mail in the log by its recipient.
        recipient = f"guest-{secrets.token_hex(4)}@{domain}"
        seen = self.log.stat().st_size if self.log.exists() else 0
        sender = f"alice@{self.power.name}.test"
        source = f"smtp-source -s 10 -l 1500 -m {count} -f {sender} -t {recipient} 127.0.0.1:25"
        limit = 60 + count / 5
        self.power.run(source, timeout=limit)
        line = re.compile(rf" ([0-9A-F]+): to=<{re.escape(recipient)}>.* status={outcome} ")
        return self._wait_for(line, count, seen, limit)

    def _wait_for(self, line: re.Pattern[str], count: int, seen: int, limit: float) -> list[str]:
        end = time.monotonic() + limit
        while len(ids := line.findall(self._logged_since(seen))) < count:
            if time.monotonic() > end:
                raise LabError(
                    f"expected {count} lines like {line.pattern!r} in {self.log} within "
                    f"{limit:g} s; found {len(ids)}: look at the sinks' modes and the services"
                )
            time.sleep(0.1)
        return ids

    def _logged_since(self, seen: int) -> str:
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(seen)
            return log.read().decode(errors="replace")

    def put_off(self, count: int) -> list[str]:
        """So many mails to defer.test are in the deferred queue; returns their queue ids."""
        ids = self.deliver(count, "defer.test", "deferred")
        end = time.monotonic() + 30
        while missing := [each for each in ids if not hashed(self.deferred, each).exists()]:
            if time.monotonic() > end:
                raise LabError(f"expected {missing[0]} in the deferred queue; it is not there")
            time.sleep(0.05)
        return ids

    def multiply(self, count: int) -> None:
        """The deferred queue has `count` more mails, all but one of them copies of that one."""
        (first,) = self.put_off(1)
        for digit in "0123456789ABCDEF":
            for queue in (self.deferred, self.defer):
                make_like(queue / digit, queue)
        original = hashed(self.deferred, first)
        rest = time.time() + REST_SECONDS
        os.utime(original, (rest, rest))
        content, like = original.read_bytes(), original.stat()
        for number in range(1, count):
            identity = self._copy(content, like, number)
            # One file of reasons serves all: Postfix unlinks it before it writes anew.
            hashed(self.defer, identity).hardlink_to(hashed(self.defer, first))

    def _copy(self, content: bytes, like: os.stat_result, number: int) -> str:
        new = self.deferred / "copy"
        new.write_bytes(content)
        os.chown(new, like.st_uid, like.st_gid)
        os.utime(new, (like.st_atime, like.st_mtime))
        # A queue id is microseconds and the inode; Postfix renames a file whose inode differs.
        identity = f"{number * 17 % 1_000_000:05X}{new.stat().st_ino:X}"
        # Executable means complete.
        new.chmod(like.st_mode & 0o777)
        new.rename(hashed(self.deferred, identity))
        return identity

    def empty(self) -> None:
        """No mail waits in any queue."""
        end = time.monotonic() + 60
        while self.power.run("postsuper -d ALL; postqueue -j", timeout=120).stdout:
            if time.monotonic() > end:
                raise LabError(f"expected the queue of {self.power.name} to empty; mail stays")


def hashed(queue: Path, identity: str) -> Path:
    """Where Postfix keeps the file of a mail: below the first letter of its queue id."""
    return queue / identity[0] / identity


def make_like(directory: Path, pattern: Path) -> None:
    """The directory exists, owned and open as the pattern is."""
    with contextlib.suppress(FileExistsError):
        directory.mkdir()
        like = pattern.stat()
        os.chown(directory, like.st_uid, like.st_gid)
        directory.chmod(like.st_mode & 0o777)
