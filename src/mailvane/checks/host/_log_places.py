"""Where the logs are, how far each was read, and what to do when one cannot be read."""

import re
from collections.abc import Mapping, Sequence

from mailvane.checks.host._log_answer import LogAnswer, Part, Place
from mailvane.checks.host._log_script import JOURNAL_LINES, file, script, usual_places
from mailvane.core.errors import DoesNotApply, NotAnswered
from mailvane.core.response import Reason, Unanswered
from mailvane.core.server import Server
from mailvane.core.words import size

MAIL = ("/var/log/mail.log", "/var/log/maillog")
LOGINS = ("/var/log/auth.log", "/var/log/secure")

Places = tuple[tuple[str, tuple[Place, ...]], ...]
"""By file, oldest first: a rotated file stays until it gives nothing more."""

_CURSOR = re.compile(r"[\w=;:.-]{1,400}", re.ASCII)
_USER = re.compile(r"[a-z_][a-z0-9_.-]{0,31}", re.ASCII)


def reading_on(server: Server, places: Places, cursor: str | None) -> str:
    """The script that reads the server's logs on from there."""
    known = dict(places)
    if server.log_files:
        return script(_look((path,), known) for path in server.log_files)
    usual = usual_places(_look(MAIL, known), _look(LOGINS, known), cursor or "")
    return script((usual,))


def _look(paths: Sequence[str], known: Mapping[str, tuple[Place, ...]]) -> str:
    """The file that was read before comes first: it may be missing for the moment of its rotation."""
    paths = sorted(paths, key=lambda path: path not in known)
    places = next((known[path] for path in paths if path in known), ())
    return file(" ".join(map(str, places)), paths)


def places_after(answer: LogAnswer, before: Places) -> Places:
    """Where to read on the next time; a log that may not be read now keeps its place."""
    known = dict(before)
    shut = [path for _, _, path in answer.denied if path in known]
    return (
        *((log, _after(log, answer.parts, known.get(log, ()))) for log in answer.files),
        *((log, known[log]) for log in shut),
    )


def _after(log: str, parts: Sequence[Part], before: tuple[Place, ...]) -> tuple[Place, ...]:
    mine = [part for part in parts if part.log == log]
    rotated = {place.inode for place in before[:-1]}
    kept = [part for part in mine[:-1] if part.read_bytes or part.start.inode not in rotated]
    return tuple(part.end for part in (*kept, *mine[-1:]))


def cursor_after(answer: LogAnswer, before: str | None) -> str | None:
    """The journal's cursor; the one before when there were no new entries."""
    if answer.cursor and _CURSOR.fullmatch(answer.cursor):
        return answer.cursor
    return before if answer.journal else None


def notes(answer: LogAnswer, before: Places) -> tuple[str, ...]:
    """What of the logs is not in the counts, as sentences."""
    left = sum(part.left_bytes for part in answer.parts)
    skipped = sum(part.skipped_bytes for part in answer.parts)
    newest = {(log, places[-1].inode) for log, places in before if places}
    said = [f"{log} was truncated and is read from its beginning" for log in answer.truncated]
    said += [
        f"{log} was rotated away before its last lines were read"
        for log, inode in answer.lost
        if (log, inode) in newest
    ]
    if skipped:
        said.append(f"{size(skipped)} of log were passed over: more than a sweep can read")
    if left:
        said.append(f"{size(left)} of log are still to be read")
    if answer.journal and answer.total_lines >= JOURNAL_LINES:
        said.append(
            f"there were more than the {JOURNAL_LINES:,} journal entries that a sweep reads"
        )
    return tuple(said)


def refuse_what_is_missing(server: Server, answer: LogAnswer) -> None:
    """NotAnswered when a log that is needed is not there or may not be read, DoesNotApply without any."""
    for user, mode, path in answer.denied:
        if server.log_files or path not in LOGINS:
            raise NotAnswered(denied(user, mode, path))
    if server.log_files:
        if answer.missing:
            raise NotAnswered(_not_there(", ".join(answer.missing), server))
    elif not (answer.files or answer.journal or answer.denied) and not server.is_mail:
        raise DoesNotApply("neither a log file nor a journal is here")
    elif server.is_mail and not (answer.journal or set(answer.files) & set(MAIL)):
        raise _no_log_at_all(server)


def denied(user: str, mode: str, path: str) -> Unanswered:
    """A log that we may not read, and the group that may."""
    owner, _, group = mode.partition(" ")[0].partition(":")
    named = group if _USER.fullmatch(group) and group not in ("root", owner) else "adm"
    who = user if _USER.fullmatch(user) else "USER"
    return Unanswered(
        Reason.NOT_PERMITTED,
        f"cannot read {path} ({mode}) as {who}",
        f"usermod -aG {named} {who}, or see `mailvane access`",
    )


def _no_log_at_all(server: Server) -> Exception:
    """A machine that was never said to run mail need not have a log of it."""
    if server.services is None and server.log_files is None:
        return DoesNotApply("neither a mail log nor a journal is here")
    return NotAnswered(_not_there(f"{' nor '.join(MAIL)} nor a journal", server))


def _not_there(paths: str, server: Server) -> Unanswered:
    return Unanswered(
        Reason.NOT_FOUND,
        f"found no log: {paths} is not there",
        f"name the logs of {server.name} with `log.files` in the configuration",
    )
