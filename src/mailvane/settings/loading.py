"""A configuration file to settings, with everything that is wrong told at once."""

import gc
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mailvane.core.errors import Problem, SettingsError
from mailvane.core.server import Local, Server
from mailvane.settings.building import build, usual_store
from mailvane.settings.document import SIZE_LIMIT_BYTES, DocumentError, parse
from mailvane.settings.drafting import Draft, draft
from mailvane.settings.files import Files, read_text, why
from mailvane.settings.nodes import Node
from mailvane.settings.outside import Outside
from mailvane.settings.places import home_folder, state_folder
from mailvane.settings.problems import Problems
from mailvane.settings.rules.custom import check_custom
from mailvane.settings.rules.delivery import check_delivery
from mailvane.settings.rules.files import check_files
from mailvane.settings.rules.limits import Known
from mailvane.settings.rules.regions import check_regions
from mailvane.settings.rules.servers import check_servers
from mailvane.settings.rules.service import check_service
from mailvane.settings.values import Settings


def load(
    path: Path, environ: Mapping[str, str], known_limits: Known, state: Path | None = None
) -> Settings:
    """The settings that the file stands for; raises SettingsError with all that is wrong with it.

    `known_limits` has an entry for every check that there is, with its default thresholds by name.
    `state` is the folder from the command line, None to look in the environment.

    1. The text becomes nodes that know their lines; without a document nothing else can be said.
    2. What refers to the environment and to files is filled in.
    3. Each part becomes a section; each mistake of a single key is noted.
    4. What must hold between keys is checked on what is left.
    """
    files = Files(path.absolute().parent, home_folder(environ))
    with _no_garbage_sought():
        problems = Problems(str(path), _document(path))
        data = Outside(environ, files, problems).data(problems.root) if problems.root else None
        drafted = draft(data, problems)
        _check(drafted, files, known_limits, problems)
        problems.raise_if_any()
        folder = state_folder(environ, state)
        return build(drafted, files, folder, source=path, warnings=problems.warnings())


@contextmanager
def _no_garbage_sought() -> Iterator[None]:
    """Garbage collection rests: nothing here has cycles, and looking for them doubles the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def default_settings(
    environ: Mapping[str, str], state: Path | None = None, hostname: str | None = None
) -> Settings:
    """What holds without a file: this machine is watched, as far as its services are found.

    `hostname` is this machine's own when it is None.
    """
    folder = state_folder(environ, state)
    given = hostname or socket.gethostname()
    server = Server(name=_as_name(given), hostname=_as_hostname(given), reach=Local())
    return Settings(servers=(server,), store=usual_store(folder), state=folder)


def _document(path: Path) -> Node | None:
    try:
        text, _ = read_text(path, SIZE_LIMIT_BYTES)
    except (OSError, ValueError) as error:
        problem = Problem(str(path), "", f"cannot read the configuration: {why(error)}")
    else:
        try:
            return parse(text)
        except DocumentError as error:
            problem = Problem(f"{path}:{error.line}", "", str(error))
    raise SettingsError([problem])


def _check(drafted: Draft, files: Files, known: Known, problems: Problems) -> None:
    check_servers(drafted, known, problems)
    check_regions(drafted, problems)
    check_delivery(drafted, problems)
    check_custom(drafted, known, problems)
    check_service(drafted.root, files, problems)
    check_files(drafted, files, problems)


def _as_name(hostname: str) -> str:
    """The host's own name, without its domain, as a server's name."""
    first = re.sub("[^a-z0-9-]+", "-", hostname.lower().partition(".")[0]).strip("-")
    return first[:63] or "localhost"


def _as_hostname(hostname: str) -> str:
    """The name as one that RFC 1123 allows."""
    labels = (
        re.sub("[^a-z0-9-]+", "-", label)[:63].strip("-") for label in hostname.lower().split(".")
    )
    return ".".join(label for label in labels if label)[:253].strip(".-") or "localhost"
