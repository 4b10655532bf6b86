"""Checks that are written in the configuration: a pattern or a number, and what is neither."""

import re
import subprocess
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailvane.checks._custom import OUTPUT_LIMIT_BYTES, custom_check
from mailvane.core.errors import GarbledAnswer, NotAnswered
from mailvane.core.request import ShellOutput
from mailvane.core.response import Answered, Answers, Reason
from mailvane.core.result import Verdict
from mailvane.core.server import CustomCheck, Local, Server
from mailvane.core.status import Status

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SERVER = Server(name="mx", hostname="mx.test", reach=Local())
RELAY = CustomCheck("relay-host", "postconf -h relayhost", expect=r"\[smtp\.relay\.example\]:587")
SIZE = CustomCheck("mail-dirs", "du /var/vmail", degraded=100, unhealthy=500, unit="MiB")


def judged(wanted: CustomCheck, output: ShellOutput | str) -> Verdict:
    """The one verdict about that output."""
    check = custom_check(wanted)
    (request,) = check.ask(SERVER, None)
    said = output if isinstance(output, ShellOutput) else ShellOutput(0, output.encode(), b"")
    answers = Answers({request: Answered(said, NOW)}, NOW)
    found = check.read(SERVER, answers, None)
    (verdict,) = check.judge(found, check.limits_for(SERVER))
    return verdict


def test_what_is_expected_is_healthy() -> None:
    """The whole output matches; the space around it does not count."""
    verdict = judged(RELAY, "[smtp.relay.example]:587\n")
    assert verdict.status is Status.HEALTHY
    assert verdict.summary == "`[smtp.relay.example]:587`, as expected"


@pytest.mark.parametrize("output", ["", "[smtp.relay.example]:5877", "x [smtp.relay.example]:587"])
def test_anything_else_is_what_the_configuration_says(output: str) -> None:
    """Part of the output is not enough; unhealthy, or degraded where that is written."""
    assert judged(RELAY, output).status is Status.UNHEALTHY
    milder = CustomCheck("relay-host", "x", expect=RELAY.expect, otherwise="degraded")
    assert judged(milder, output).status is Status.DEGRADED


def test_the_sentence_says_what_was_expected_and_what_was_found() -> None:
    """Also when nothing was printed, and with how the command ended."""
    assert judged(RELAY, "").summary == f"expected `{RELAY.expect}`, found nothing"
    failed = judged(RELAY, ShellOutput(3, b"no\n", b"trouble"))
    assert failed.summary == f"expected `{RELAY.expect}`, found `no` (exit status 3)"
    assert failed.details == {"exit_status": 3}


def test_a_pattern_may_span_lines() -> None:
    """A dot is any character, a line's end too."""
    assert judged(CustomCheck("x", "x", expect="a.*b"), "a\nc\nb").status is Status.HEALTHY


def test_an_output_that_is_expected_of_a_failing_command_is_healthy() -> None:
    """`systemctl is-active` prints what is wanted and ends with 3: the output decides."""
    wanted = CustomCheck("x", "systemctl is-active x", expect="inactive")
    assert judged(wanted, ShellOutput(3, b"inactive\n", b"")).status is Status.HEALTHY


@pytest.mark.parametrize(
    ("output", "status"),
    [("99.9", "healthy"), ("100", "degraded"), ("500", "degraded"), ("500.1", "unhealthy")],
)
def test_a_number_has_limits(output: str, status: str) -> None:
    """From the first number degraded, above the second unhealthy."""
    verdict = judged(SIZE, output)
    assert verdict.status == status
    assert verdict.limits == "(degraded from 100 MiB, unhealthy above 500 MiB)"
    assert (verdict.metrics[0].name, verdict.metrics[0].value) == ("mail_dirs", float(output))


@pytest.mark.parametrize(
    ("output", "status"),
    [("10", "healthy"), ("9.9", "degraded"), ("5", "degraded"), ("4.9", "unhealthy")],
)
def test_less_is_worse_where_it_falls(output: str, status: str) -> None:
    """Below the first number degraded, below the second unhealthy."""
    wanted = CustomCheck("x", "x", degraded=10, unhealthy=5, falling=True)
    assert judged(wanted, output).status == status


def test_one_limit_is_enough() -> None:
    """The other status then never comes."""
    only_unhealthy = CustomCheck("x", "x", unhealthy=5)
    assert [judged(only_unhealthy, n).status for n in ("5", "6")] == ["healthy", "unhealthy"]
    only_degraded = CustomCheck("x", "x", degraded=5)
    assert [judged(only_degraded, n).status for n in ("4", "9999")] == ["healthy", "degraded"]


@pytest.mark.parametrize(
    ("output", "number"),
    [("12\n", 12), ("97 %", 97), ("97%", 97), ("-0.5", -0.5), ("1e3", 1000), ("7\t/var", 7)],
)
def test_the_number_stands_first(output: str, number: float) -> None:
    """What follows it after a space or a percent sign is its unit or a name."""
    assert judged(SIZE, output).metrics[0].value == number


@pytest.mark.parametrize("output", ["", "x", "nan", "inf", "1e999", "12abc", "1,000", "٣", "1_0"])
def test_what_is_no_number_is_garbled(output: str) -> None:
    """Nothing is healthy since it could not be read."""
    with pytest.raises(GarbledAnswer, match="expected a number from `du /var/vmail`"):
        judged(SIZE, output)


def test_a_number_from_a_command_that_failed_is_not_taken() -> None:
    """`du` that could not look everywhere prints a number that is too small."""
    with pytest.raises(GarbledAnswer, match="found exit status 1: 'du: cannot read"):
        judged(SIZE, ShellOutput(1, b"12\n", b"du: cannot read /var/vmail"))


@pytest.mark.parametrize("wanted", [RELAY, SIZE])
def test_a_command_that_is_not_there_is_not_found(wanted: CustomCheck) -> None:
    """127 is the shell's word for it, whatever was expected."""
    with pytest.raises(NotAnswered) as caught:
        judged(wanted, ShellOutput(127, b"", b"sh: 1: du: not found"))
    assert caught.value.unanswered.reason is Reason.NOT_FOUND


@pytest.mark.parametrize("wanted", [RELAY, SIZE])
def test_an_output_that_was_cut_is_not_judged(wanted: CustomCheck) -> None:
    """The rest might have been what matters."""
    with pytest.raises(GarbledAnswer, match="at most 8 KiB"):
        judged(wanted, ShellOutput(0, b"12", b"", truncated=True))


def test_the_question_is_the_command_with_its_limits() -> None:
    """As written, within its own time and the limit of what a pattern is held against."""
    (request,) = custom_check(CustomCheck("x", "a | b", timeout_seconds=3)).ask(SERVER, None)
    assert (request.script, request.timeout_seconds) == ("a | b", 3)
    assert request.output_limit_bytes == OUTPUT_LIMIT_BYTES


def test_it_is_called_as_the_configuration_says() -> None:
    """Title and runbook have their own words, or the name and the command."""
    check = custom_check(CustomCheck("x", "true", title="The x", runbook="Call Ann."))
    assert (check.name, check.title, check.runbook) == ("x", "The x", "Call Ann.")
    assert custom_check(SIZE).title == "mail-dirs"
    assert "`du /var/vmail`" in custom_check(SIZE).runbook


def test_a_pattern_that_is_none_is_refused_when_it_is_made() -> None:
    """Not in the middle of a sweep."""
    with pytest.raises(re.error):
        custom_check(CustomCheck("x", "x", expect="("))


def test_the_example_of_the_documentation_works() -> None:
    """`postconf -h relayhost`, answered by a stand-in, in a real shell."""
    (request,) = custom_check(RELAY).ask(SERVER, None)
    script = f"postconf() {{ echo '[smtp.relay.example]:587'; }}; {request.script}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=True, timeout=60)
    assert judged(RELAY, ShellOutput(0, done.stdout, b"")).status is Status.HEALTHY


@given(st.binary(max_size=200), st.integers(0, 255), st.sampled_from([RELAY, SIZE]))
def test_no_answer_breaks_the_check(output: bytes, status: int, wanted: CustomCheck) -> None:
    """Whatever a command prints is judged, or refused in a known way."""
    try:
        verdict = judged(wanted, ShellOutput(status, output, output))
    except (NotAnswered, GarbledAnswer):
        return
    assert isinstance(verdict.status, Status)
