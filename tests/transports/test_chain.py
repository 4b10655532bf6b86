"""The verdict on a chain is OpenSSL's own."""

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from mailvane.transports.chain import distrust, verifier
from tests.certificates import Issued, Key, issue


def key(kind: str) -> Key:
    """A new key of that kind."""
    match kind:
        case "ec":
            return ec.generate_private_key(ec.SECP256R1())
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "rsa-1024":
            return rsa.generate_private_key(65537, 1024)  # noqa: S505  weak on purpose
        case _:
            return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module", params=["ec", "ed25519", "rsa", "rsa-1024"])
def cases(request: pytest.FixtureRequest) -> dict[str, tuple[list[Issued], Issued]]:
    """What servers show, with the root that is trusted."""
    root = issue("root", authority=True, days=3650, key=key("ec"))
    between = issue("between", root, authority=True, days=900, key=key(request.param))
    leaf = issue("leaf", between, names=("leaf",), key=key(request.param))
    alone = issue("alone", names=("alone",), key=key(request.param))
    by_leaf = issue("by-leaf", alone, names=("by-leaf",), key=key(request.param))
    late = issue("leaf", between, names=("leaf",), days=-1, key=key(request.param))
    early = issue("leaf", between, names=("leaf",), since_days=1, key=key(request.param))
    old = Issued(
        issue("between", root, authority=True, days=-1, key=between.key).certificate, between.key
    )
    no_authority = issue("between", root, key=between.key)
    return {
        "whole": ([leaf, between], root),
        "in any order, with the root": ([leaf, root, between], root),
        "without what is between": ([leaf], root),
        "another root": ([leaf, between], alone),
        "by itself": ([alone], root),
        "by itself and trusted": ([alone], alone),
        "expired": ([late, between], root),
        "expired and untrusted": ([late], root),
        "not yet valid": ([early, between], root),
        "expired in between": ([leaf, old], root),
        "by what is no authority": ([by_leaf, alone], alone),
        "no authority in between": ([leaf, no_authority], root),
        "long": ([leaf, *[between] * 40], root),
    }


def openssl(chain: list[Issued], root: Issued, folder: Path) -> int:
    """The number of the first error that `openssl verify` finds, 0 for none."""
    (folder / "leaf").write_bytes(chain[0].pem)
    (folder / "chain").write_bytes(b"".join(part.pem for part in chain))
    (folder / "root").write_bytes(root.pem)
    asked = ["openssl", "verify", "-purpose", "sslserver", "-auth_level", "2", "-no-CApath"]
    asked += ["-CAfile", str(folder / "root"), "-untrusted", str(folder / "chain")]
    done = subprocess.run([*asked, str(folder / "leaf")], capture_output=True, check=False)
    found = [line for line in done.stderr.decode().splitlines() if line.startswith("error ")]
    return int(found[0].split()[1]) if found and done.returncode else 0


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_it_finds_what_openssl_finds(
    cases: dict[str, tuple[list[Issued], Issued]], tmp_path: Path
) -> None:
    """Whatever is wrong with a chain, the first error is the one that `openssl verify` names."""
    for name, (chain, root) in cases.items():
        file = tmp_path / "trusted"
        file.write_bytes(root.pem)
        error = distrust(verifier(str(file)), [part.der for part in chain])
        assert getattr(error, "verify_code", 0) == openssl(chain, root, tmp_path), name


@given(st.lists(st.binary(max_size=200), max_size=4))
def test_no_garbage_is_trusted(chain: list[bytes]) -> None:
    """What is no certificate is an error, never trust, and never an exception."""
    assert distrust(VERIFIER, chain) is not None


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    """A file of roots that holds something else is an error at once."""
    file = tmp_path / "ca.pem"
    file.write_text("hello")
    with pytest.raises(OSError, match="NO_CERTIFICATE_OR_CRL_FOUND"):
        verifier(str(file))


VERIFIER = verifier(None)
