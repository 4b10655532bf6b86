"""Rights as sudoers lines, held against sudo's own parser."""

import shutil
import subprocess
from pathlib import Path

import pytest

from mailvane.cli.asked import Needed
from mailvane.cli.sudoers import NotSayable, sudoers_file, sudoers_line
from mailvane.core.request import Right

HARD = (
    ("/usr/sbin/postqueue", "-j"),
    ("/usr/sbin/postsuper",),
    ("/usr/bin/find", "/var/spool", "-type", "f", "-printf", r"%h %B@\n"),
    ("/usr/bin/awk", "-F:", r'$1 == "a,b" { print $2 "\\" $3 }', "/a=b/c#d"),
    ("/usr/bin/find", "/x", "(", "-name", "*.[ch]?", "!", "-user", "root", ")"),
    ("/usr/bin/grep", "^a$", "/etc/passwd"),
    ("/usr/bin/env", "LC_ALL=C", "~", "%u", "a'b", 'c"d', "{}", ";", "&&", "|", "$(id)", "`id`"),
)


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (HARD[0], "monitor ALL=(root) NOPASSWD: /usr/sbin/postqueue -j"),
        (HARD[1], 'monitor ALL=(root) NOPASSWD: /usr/sbin/postsuper ""'),
        (
            HARD[2],
            r"monitor ALL=(root) NOPASSWD: /usr/bin/find /var/spool -type f -printf %h\ %B@\\\\n",
        ),
        (
            ("/bin/x", "a,b:c=d", "e#f", "g*h?i[j]"),
            r"monitor ALL=(root) NOPASSWD: /bin/x a\,b\:c\=d e\#f g\*h\?i\[j\]",
        ),
        (("/bin/x", "^a$"), r"monitor ALL=(root) NOPASSWD: /bin/x \^a$"),
    ],
)
def test_the_line(argv: tuple[str, ...], line: str) -> None:
    """Path and arguments stand there word for word; no argument is an empty string."""
    assert sudoers_line("monitor", Right(argv, "nothing is known")) == line


@pytest.mark.parametrize(
    "argv",
    [
        ("postqueue", "-j"),
        ("./postqueue",),
        ("/bin/x", "a\nmonitor ALL=(ALL) NOPASSWD: ALL"),
        ("/bin/x", "\x1b[31m"),
        ("/bin/x", "a\0b"),
        ("/bin/x", ""),
    ],
)
def test_what_cannot_be_said_safely_is_refused(argv: tuple[str, ...]) -> None:
    """A relative path, a line end or an empty argument makes no line at all."""
    with pytest.raises(NotSayable):
        sudoers_line("monitor", Right(argv, ""))


@pytest.mark.parametrize("name", ["", "ALL, root", "%wheel", "a b", "root\nALL", "#0", "A" * 40])
def test_a_user_is_a_name(name: str) -> None:
    """What would mean a group, a number or a second line is no user name."""
    with pytest.raises(NotSayable):
        sudoers_line(name, Right(("/bin/x",), ""))


@pytest.mark.skipif(shutil.which("visudo") is None, reason="visudo is not installed")
def test_visudo_takes_the_whole_file(tmp_path: Path) -> None:
    """Sudo's own checker finds no mistake, even with the hardest arguments and comments."""
    rights = [Needed(Right(argv, "mail is lost \\"), ("queue", "log")) for argv in HARD]
    file = tmp_path / "mailvane"
    file.write_text("\n".join([*sudoers_file("monitor", "mail-va", rights), ""]))
    file.chmod(0o440)
    done = subprocess.run(["visudo", "-cf", str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{file}: parsed OK\n")


@pytest.mark.skipif(shutil.which("visudo") is None, reason="visudo is not installed")
def test_visudo_would_find_a_mistake(tmp_path: Path) -> None:
    """The test above can fail: an unescaped sign is found."""
    file = tmp_path / "mailvane"
    file.write_text("monitor ALL=(root) NOPASSWD: /bin/x a:b\n")
    done = subprocess.run(["visudo", "-cf", str(file)], capture_output=True, check=False)
    assert done.returncode == 1
