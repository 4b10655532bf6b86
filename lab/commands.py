"""Commands of this machine, run to their end."""

import shlex
import subprocess
from pathlib import Path

from lab.errors import LabError

Done = subprocess.CompletedProcess[str]


def run(*command: str | Path, text: str = "", timeout: float = 60, check: bool = True) -> Done:
    """The command has ended, having read `text`; its output is returned as text."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        msg = f"expected `{shlex.join(words)}` to end within {timeout:g} s; it did not"
        raise LabError(msg) from late
    if check and done.returncode:
        raise LabError(failure(shlex.join(words), done))
    return done


def failure(command: str, done: Done) -> str:
    """The sentence for a command that ended badly, with the last it said."""
    said = (done.stderr.strip() or done.stdout.strip() or "no output")[-1500:]
    return f"expected `{command}` to succeed; found exit {done.returncode}: {said}"
