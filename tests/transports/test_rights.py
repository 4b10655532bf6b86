"""What sudo said, remembered."""

import pytest

from mailvane.core.request import Right, ShellOutput
from mailvane.core.response import Reason, Unanswered
from mailvane.transports.rights import Rights, refused_by_sudo, right_call

QUEUE = Right(("/usr/sbin/postqueue", "-j"), "the queue is not seen")


class Time:
    """A clock that is moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        """Now."""
        return self.now


def said(status: int) -> ShellOutput:
    """What `sudo -l` left behind."""
    return ShellOutput(status, b"", b"")


def test_sudo_is_asked_in_quotes() -> None:
    """Each word of the command stays one word."""
    right = Right(("/usr/bin/find", "/a b", "-printf", "%h\\n"), "x")
    assert right_call(right).script == (
        "sudo -n -l -- /usr/bin/find '/a b' -printf '%h\\n' >/dev/null"
    )


def test_a_granted_right_is_no_refusal() -> None:
    """Exit status 0 of `sudo -l` grants it."""
    rights = Rights("mx", Time())
    rights.told(QUEUE, said(0))
    assert rights.refusal(QUEUE) is None


def test_a_refused_right_says_what_is_lost_and_what_to_do() -> None:
    """The command, the loss, and `mailvane access` with the server's name."""
    rights = Rights("mx", Time())
    rights.told(QUEUE, said(1))
    assert rights.refusal(QUEUE) == Unanswered(
        Reason.NOT_PERMITTED,
        "`sudo /usr/sbin/postqueue -j` is not allowed to us; without it the queue is not seen",
        "run `mailvane access mx` and install the sudoers file that it prints",
    )


def test_a_right_that_was_not_told_is_not_taken_as_granted() -> None:
    """When sudo did not answer, the command is not run."""
    rights = Rights("mx", Time())
    rights.told(QUEUE, Unanswered(Reason.TIMEOUT, "late"))
    refusal = rights.refusal(QUEUE)
    assert refusal is not None
    assert refusal.reason is Reason.TIMEOUT
    assert rights.unknown([QUEUE]) == [QUEUE]


def test_each_command_is_asked_once() -> None:
    """Two checks with the same command make one question."""
    other = Right(QUEUE.argv, "another thing is lost")
    assert len(Rights("mx", Time()).unknown([QUEUE, other])) == 1


def test_it_is_remembered_for_ten_minutes() -> None:
    """At 600 s it still counts, after that it is asked anew; so it is after a reconnect."""
    time = Time()
    rights = Rights("mx", time)
    rights.told(QUEUE, said(1))
    time.now = 600
    assert rights.unknown([QUEUE]) == []
    time.now = 601
    assert rights.unknown([QUEUE]) == [QUEUE]
    rights.told(QUEUE, said(0))
    rights.forget()
    assert rights.unknown([QUEUE]) == [QUEUE]


@pytest.mark.parametrize(
    "error",
    [
        b"sudo: a password is required\n",
        b"sudo: unable to resolve host mx\nsudo: a terminal is required to read the password\n",
        b"sudo: sorry, you must have a tty to run sudo\n",
        b"Sorry, user monitor is not allowed to execute '/bin/x' as root on mx.\n",
        b"Sorry, user monitor may not run sudo on mx.\n",
        b"monitor is not in the sudoers file.  This incident will be reported.\n",
    ],
)
def test_the_words_of_sudo_are_known(error: bytes) -> None:
    """A refusal at the time of running is told from the command's own failure."""
    assert refused_by_sudo(error)


@pytest.mark.parametrize(
    "error",
    [
        b"",
        b"postqueue: fatal: a password is required\n",
        b"find: 'x': Permission denied\n",
        b"sudo: unable to resolve host mx\n",
    ],
)
def test_other_words_are_no_refusal(error: bytes) -> None:
    """What a command or sudo says on other things refuses nothing."""
    assert not refused_by_sudo(error)
