"""Mailvane itself: the rhythm of sweeps, and whose tokens are accepted."""

from mailvane.core.access import SYMMETRIC
from mailvane.core.words import duration
from mailvane.settings.building import platform_tokens
from mailvane.settings.files import Files
from mailvane.settings.model.root import RootSection
from mailvane.settings.model.service import PlatformSection
from mailvane.settings.nodes import KeyPath
from mailvane.settings.problems import Problems

HMAC_BYTES = 32
"""RFC 7518 section 3.2: a key for HS256 has at least as many bits as its hash."""
_PLATFORM: KeyPath = ("auth", "platform")


def check_service(root: RootSection, files: Files, problems: Problems) -> None:
    """What is wrong with Mailvane's own sections is noted."""
    _check_cache(root, problems)
    if root.auth.platform is not None:
        _check_platform(root.auth.platform, files, problems)


def _check_cache(root: RootSection, problems: Problems) -> None:
    fresh, every = root.cache.fresh_for, root.cache.refresh_every
    paths: list[KeyPath] = [("cache", "fresh_for"), ("cache", "refresh_every")]
    if every > fresh and not problems.wrong_at(*paths):
        told = f"expected fresh_for to be at least refresh_every, found {duration(fresh)} and "
        said = next(path for path in paths if path[1] in root.cache.model_fields_set)
        problems.add(said, f"{told}{duration(every)}; a report would be stale before the next one")


def _check_platform(platform: PlatformSection, files: Files, problems: Problems) -> None:
    if problems.wrong_at(_PLATFORM):
        return
    if (platform.secret is None) == (platform.jwks is None):
        found = "neither" if platform.secret is None else "both"
        problems.add(_PLATFORM, f"expected `secret:` or `jwks:`, found {found}")
        return
    if not platform.roles:
        problems.add((*_PLATFORM, "roles"), "expected at least one role, found none")
    tokens = platform_tokens(platform, files)
    if wrong := tokens.problems():
        problems.add(_PLATFORM, "; ".join(wrong))
    elif tokens.secret and SYMMETRIC & set(tokens.algorithms):
        _check_length(len(tokens.secret.reveal().encode()), problems)


def _check_length(size_bytes: int, problems: Problems) -> None:
    if size_bytes < HMAC_BYTES:
        told = f"a key of fewer than {HMAC_BYTES} bytes can be guessed (RFC 7518 section 3.2)"
        problems.warn((*_PLATFORM, "secret"), f"{told}; `openssl rand -base64 48` makes a good one")
