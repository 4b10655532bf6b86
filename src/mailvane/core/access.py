"""Who is let in over HTTP, and from where: settings as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mailvane.core.accounts import Role
from mailvane.core.secret import Secret

SYMMETRIC = frozenset({"HS256", "HS384", "HS512"})
ASYMMETRIC = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
SECRET_MIN_BYTES = 16
"""RFC 7518 asks for 32; the key is the platform's choice, so only what can be guessed is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformTokens:
    """Access tokens that another system issues and Mailvane accepts."""

    algorithms: tuple[str, ...]
    """Those that may be used, whatever a token says; all symmetric or all asymmetric."""
    secret: Secret | None = None
    """The key of the symmetric ones."""
    jwks: str | None = None
    """Where the public keys are: an https URL or the path of a file."""
    jwks_ca_file: Path | None = None
    """Trusted roots for that URL; None: the usual ones."""
    issuer: str | None = None
    audience: str | None = None
    role_claim: str = "role"
    """Where the token says its role; dots lead into nested objects. A text or a list of texts."""
    roles: Mapping[str, Role] = field(default_factory=dict)
    """What the platform's roles may do here; one that is not in it may do nothing."""
    name_claim: str = "sub"
    leeway_seconds: int = 30
    """How far the clocks may differ."""

    def problems(self) -> list[str]:
        """All that is wrong with it, as sentences; empty when it can be used."""
        found = [
            f"expected one of {', '.join(sorted(SYMMETRIC | ASYMMETRIC))}, found {name!r}"
            for name in self.algorithms
            if name not in SYMMETRIC | ASYMMETRIC
        ]
        symmetric = SYMMETRIC.intersection(self.algorithms)
        asymmetric = ASYMMETRIC.intersection(self.algorithms)
        if not self.algorithms:
            found.append("expected at least one algorithm, found none")
        if symmetric and asymmetric:
            found.append("expected either a shared secret (HS…) or public keys, found both")
        return found + self._key_problems(bool(symmetric), bool(asymmetric))

    def _key_problems(self, symmetric: bool, asymmetric: bool) -> list[str]:
        found = []
        if symmetric and self.secret is None:
            found.append("expected a secret for the HS… algorithms, found none")
        if asymmetric and self.jwks is None:
            found.append("expected jwks, the address or file of the public keys, found none")
        if self.secret and len(self.secret.reveal().encode()) < SECRET_MIN_BYTES:
            found.append(f"expected a secret of at least {SECRET_MIN_BYTES} bytes")
        if self.jwks and "://" in self.jwks and not self.jwks.startswith("https://"):
            found.append("expected an https address or a file for jwks")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorway:
    """Who may call the API from where."""

    origins: tuple[str, ...] = ()
    """Origins of other web applications that may call it, such as https://admin.example.com."""
    proxies: tuple[str, ...] = ()
    """Addresses or networks of reverse proxies whose X-Forwarded-For and -Proto are believed."""
    platform: PlatformTokens | None = None
