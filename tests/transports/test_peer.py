"""What a certificate says."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailvane.transports.peer import certificate
from tests.certificates import issue


@pytest.mark.parametrize(
    ("pattern", "name", "accepted"),
    [
        ("mx.example", "mx.example", True),
        ("MX.Example", "mx.example.", True),
        ("mx.example", "mx2.example", False),
        ("*.mx.example", "a.mx.example", True),
        ("*.mx.example", "mx.example", False),
        ("*.mx.example", "a.b.mx.example", False),
        ("*.example", "mx.example", False),
        ("m*.mx.example", "mail.mx.example", False),
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8:0::1", True),
    ],
)
def test_a_name_is_accepted_as_by_a_client(pattern: str, name: str, accepted: bool) -> None:
    """A wildcard stands for one whole label; an address matches as an address."""
    assert certificate(issue("x", names=(pattern,)).der).is_for(name) is accepted


def test_an_international_name_is_its_ascii_form() -> None:
    """A name in any script is compared as DNS carries it."""
    assert certificate(issue("x", names=("xn--mller-kva.example",)).der).is_for("müller.example")


def test_the_subject_is_no_name() -> None:
    """A certificate without alternative names is for nobody (RFC 9525)."""
    assert not certificate(issue("mx.example").der).is_for("mx.example")


def test_the_dates_are_aware() -> None:
    """Both dates are UTC, and a moment outside is not covered."""
    found = certificate(issue("x", days=5).der)
    assert found.not_after.utcoffset() is not None
    assert found.covers(found.not_after)
    assert not found.covers(found.not_before.replace(year=2001))


@given(st.binary(max_size=300))
def test_no_bytes_break_it(garbage: bytes) -> None:
    """What is no certificate is a ValueError."""
    with pytest.raises(ValueError, match=r".*"):
        certificate(garbage)


DER = issue("fuzzed", names=("mx.example", "192.0.2.1")).der


@example(place=11, change=b"\x01")  # version 2 of X.509, which nobody uses
@given(place=st.integers(0, len(DER) - 1), change=st.binary(min_size=1, max_size=3))
def test_no_changed_certificate_breaks_it(place: int, change: bytes) -> None:
    """A certificate with some bytes changed is read, or a ValueError."""
    try:
        certificate(DER[:place] + change + DER[place + len(change) :])
    except ValueError:
        return
