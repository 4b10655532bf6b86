"""Hostile tokens are not valid, whatever they are; they never raise."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OctKey
from joserfc.jwt import encode

from mailvane.api.auth.jws import TOKEN_MAX_BYTES, Header, Peek, peek, verified

KEY = OctKey.import_key(b"0123456789abcdef0123456789abcdef")
RIGHT = encode({"alg": "HS256"}, {"iss": "me", "exp": 1}, KEY)


def _part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def test_a_token_tells_its_header_and_issuer() -> None:
    """Enough to choose who verifies it, before anything is believed."""
    token = encode({"alg": "HS256", "kid": "k1"}, {"iss": "me"}, KEY)
    assert peek(token) == Peek(Header("HS256", "k1", "JWT"), "me")
    assert verified(token, KEY, ["HS256"]) == {"iss": "me"}


@pytest.mark.parametrize("issuer", [1, ["mailvane"], {"mailvane": 1}, None, True])
def test_an_issuer_that_is_no_text_is_none(issuer: Any) -> None:
    """Only a text can be the name of an issuer."""
    seen = peek(encode({"alg": "HS256"}, {"iss": issuer}, KEY))
    assert seen
    assert seen.issuer is None


@pytest.mark.parametrize(
    "header",
    [
        {},
        [],
        "HS256",
        {"alg": 1},
        {"alg": None},
        {"alg": ["HS256"]},
        {"alg": "HS256", "kid": {"$ne": 1}},
        {"alg": "HS256", "kid": 5},
        {"alg": "HS256", "crit": ["exp"]},
        {"alg": "HS256", "crit": []},
        b"\xff",
        b"[" * 3000,
        b'{"alg":' * 500,
    ],
)
def test_a_header_of_another_form_is_no_token(header: Any) -> None:
    """Wrong types, unknown critical extensions, binary and endless nesting are None."""
    assert peek(f"{_part(header)}.{_part({})}.x") is None


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "...", "a.b", "a.b.c.d", "é.é.é", "\x00.\x00.\x00", RIGHT + "x" * 9000],
)
def test_what_has_not_three_parts_is_no_token(token: str) -> None:
    """Neither is what is longer than eight KiB."""
    assert peek(token) is None


def test_the_longest_token_is_still_looked_at() -> None:
    """At the limit it is, one byte above it is not."""
    padding = "x" * 5000
    token = encode({"alg": "HS256"}, {"p": padding}, KEY)
    while len(token) < TOKEN_MAX_BYTES:
        padding += "x"
        token = encode({"alg": "HS256"}, {"p": padding}, KEY)
    assert len(token) == TOKEN_MAX_BYTES
    assert peek(token)
    assert peek(encode({"alg": "HS256"}, {"p": padding + "xx"}, KEY)) is None


@pytest.mark.parametrize("algorithms", [["HS512"], ["RS256"], ["none"], []])
def test_a_token_does_not_choose_its_algorithm(algorithms: list[str]) -> None:
    """The right key under an algorithm that is not pinned is not enough."""
    assert verified(RIGHT, KEY, algorithms) is None


def test_a_token_without_a_signature_is_not_valid() -> None:
    """`none`, in any case and with or without a signature, is never pinned."""
    for name in ("none", "None", "NONE", ""):
        for signature in ("", "x", RIGHT.rpartition(".")[2]):
            token = f"{_part({'alg': name})}.{_part({'exp': 9e9})}.{signature}"
            assert verified(token, KEY, ["HS256"]) is None


def test_a_changed_letter_is_noticed() -> None:
    """In the header, the claims, or the signature."""
    for place in (3, len(RIGHT) // 2, len(RIGHT) - 5):
        letter = "A" if RIGHT[place] != "A" else "B"
        assert verified(RIGHT[:place] + letter + RIGHT[place + 1 :], KEY, ["HS256"]) is None


@given(st.one_of(st.text(), st.text("abcXYZ019-_.=").map(lambda text: f"{RIGHT[:20]}.{text}")))
def test_no_text_makes_it_raise(text: str) -> None:
    """Whatever is sent, the answer is None."""
    peek(text)
    assert verified(text, KEY, ["HS256"]) is None


@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "x5u"]), st.text())
)
def test_no_header_makes_it_raise(header: dict[str, str]) -> None:
    """Also with a key or an address of a key inside: that is never looked at."""
    token = f"{_part(header)}.{_part({'exp': 1})}.c2ln"
    peek(token)
    assert verified(token, KEY, ["HS256"]) is None
