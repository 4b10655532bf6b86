"""Files that are named: a doubt when one is not there, or can be read by too many."""

import stat
from collections.abc import Iterator

from mailvane.settings.drafting import Draft
from mailvane.settings.files import Files, why
from mailvane.settings.model.server import CommonSection
from mailvane.settings.nodes import KeyPath
from mailvane.settings.problems import Problems

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def check_files(draft: Draft, files: Files, problems: Problems) -> None:
    """Files that are not there, and private keys that others may read, are doubts; each once."""
    seen: set[str] = set()
    for path, written in _named(draft):
        if written in seen:
            continue
        seen.add(written)
        file = files.find(written)
        try:
            mode = file.stat().st_mode
        except (OSError, ValueError) as error:
            problems.warn(path, f"cannot see {file}: {why(error)}")
            continue
        if path[-1] == "key" and mode & _OTHERS:
            problems.warn(path, f"others may read this private key; `chmod 600 {file}`")


def _named(draft: Draft) -> Iterator[tuple[KeyPath, str]]:
    yield from _of_server(draft.root.defaults, ("defaults",))
    for at, server in draft.servers.items():
        yield from _of_server(server, ("servers", at))
    platform = draft.root.auth.platform
    if platform and platform.jwks and "://" not in platform.jwks:
        yield ("auth", "platform", "jwks"), platform.jwks
    if platform and platform.ca_file:
        yield ("auth", "platform", "ca_file"), platform.ca_file


def _of_server(server: CommonSection, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if server.recorded:
        yield (*path, "recorded"), server.recorded
    if server.certificate.ca_file:
        yield (*path, "certificate", "ca_file"), server.certificate.ca_file
    if server.ssh is None:
        return
    if server.ssh.key:
        yield (*path, "ssh", "key"), server.ssh.key
    for name in ("config_files", "known_hosts"):
        for at, file in enumerate(getattr(server.ssh, name)):
            yield (*path, "ssh", name, at), file
