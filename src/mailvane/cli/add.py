"""`mailvane add`: a server is trusted, tried and written into the configuration."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailvane.cli.command import Called, CannotGoOn, single
from mailvane.cli.config_file import written_into
from mailvane.cli.console import line, out
from mailvane.cli.parts import Joined
from mailvane.cli.place import Place, Wish, entry, hostname_of, name_of, place, reach, server
from mailvane.cli.public_key import public_key
from mailvane.cli.state import own_state
from mailvane.cli.trial import Facts, Trial, facts, told, tried
from mailvane.cli.trust import trust, with_fix
from mailvane.cli.way_in import authorized_key, guessed
from mailvane.core.response import Reason, Unanswered
from mailvane.core.server import Server, Ssh
from mailvane.core.status import Status
from mailvane.core.words import plural

if TYPE_CHECKING:
    from mailvane.settings import Settings


def add(  # noqa: PLR0913, PLR0917  each option is an argument
    context: typer.Context,
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="USER@HOST[:PORT]",
            help="How to reach the server; or the name of one that is configured.",
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Its short name; the first part of its hostname."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The private key to log in with.")
    ] = None,
    jump: Annotated[
        str | None, typer.Option(metavar="USER@HOST[:PORT]", help="The jump host on the way.")
    ] = None,
    role: Annotated[
        str, typer.Option(metavar="ROLE", help="mail, or any other word for a server without mail.")
    ] = "mail",
    hostname: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The name that its certificate should be for."),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SHA256:...",
            help="Trust the host key with this fingerprint; once more for a jump host's.",
        ),
    ] = None,
) -> None:
    """Add a server: trust its host key, try every check, configure it.

    Shows the fingerprints of its host keys and asks; without a terminal --accept must name one.
    Says for every check whether it works, and what to do for what is lost.
    For a server that is configured already only the host key is trusted anew.

    Exits with 2 when no host key was accepted, with 1 when anything else failed.
    """
    called: Called = context.obj
    wish = Wish(name, hostname, role, key.expanduser().absolute() if key else None, jump)
    asyncio.run(_add(called, wanted, wish, tuple(accept or ())))


async def _add(called: Called, wanted: str, wish: Wish, accept: tuple[str, ...]) -> None:
    file = _config_file(called)
    settings = _settings(called, file)
    known = next((one for one in settings.servers if one.name == wanted), None)
    async with called.app.joined(settings) as joined:
        if known and file.exists():
            await _trust_anew(joined, settings, known, accept)
        else:
            await _add_new(called, joined, settings, file, place(wanted), wish, accept)


def _config_file(called: Called) -> Path:
    from mailvane.settings import config_file

    return config_file(os.environ, called.config) or Path("mailvane.yaml")


def _settings(called: Called, file: Path) -> "Settings":
    """What is configured already; the file may yet have to be made."""
    from mailvane.settings import default_settings

    if file.exists():
        return called.app.load_settings(file, called.state)
    return default_settings(os.environ, called.state)


async def _trust_anew(
    joined: Joined, settings: "Settings", known: Server, accept: tuple[str, ...]
) -> None:
    if not isinstance(known.reach, Ssh):
        raise CannotGoOn(f"{known.name} is not reached over SSH: there is no host key to trust")
    new = await trust(joined.ssh, known.reach, _pinned(settings), accept)
    console = out()
    for pinned in new:
        console.print(line(f"pinned for {pinned.host}: {pinned}"))
    if not new:
        console.print(line(f"{known.name} shows the host key that is pinned"))
    console.print(line(f"next: mailvane check {known.name}"))


def _pinned(settings: "Settings") -> Path:
    from mailvane.settings.servers import pinned_keys

    return pinned_keys(own_state(settings))


async def _add_new(
    called: Called,
    joined: Joined,
    settings: "Settings",
    file: Path,
    at: Place,
    wish: Wish,
    accept: tuple[str, ...],
) -> None:
    pinned = _pinned(settings)
    way = reach(at, wish, _known_hosts(pinned))
    await trust(joined.ssh, way, pinned, accept)
    said = await _said(joined, server("new", at.host, at, wish, way), way)
    hostname = hostname_of(at, wish, said.hostname)
    name = name_of(wish, hostname)
    _refuse_taken(settings, file, name)
    new = server(name, hostname, at, wish, way)
    trial = await tried(joined, new, called.app.checks_for(new))
    _tell(new, said, trial)
    written_into(file, entry(new, at, _services(trial)), called)
    _tell_next(new, file, trial)


def _known_hosts(pinned: Path) -> tuple[Path, ...]:
    from mailvane.settings.servers import USUAL_KNOWN_HOSTS

    return (pinned, *(Path(known).expanduser() for known in USUAL_KNOWN_HOSTS))


async def _said(joined: Joined, new: Server, way: Ssh) -> Facts:
    """What the server says about itself; raises CannotGoOn with what to do when it does not let us in."""
    said = await facts(joined, new)
    if isinstance(said, Facts):
        await joined.transport.forget(new.name)
        return said
    raise CannotGoOn(with_fix(said.detail, _fix(said, way)) + "\nnothing was written")


def _fix(said: Unanswered, way: Ssh) -> str | None:
    if said.reason is not Reason.AUTH or "authorized_keys" not in (said.fix or ""):
        return said.fix
    try:
        key = authorized_key(public_key(way, Path.home()), guessed(way), "mailvane")
    except CannotGoOn as error:
        return f"{said.fix}\n→ {error}"
    return f"{said.fix}\nthe line for its authorized_keys is:\n{key}"


def _refuse_taken(settings: "Settings", file: Path, name: str) -> None:
    if file.exists() and any(one.name == name for one in settings.servers):
        raise CannotGoOn(
            f"there is a server named {name} already; name this one with --name,"
            f" or trust the host key of that one anew with: mailvane add {name}"
        )


def _services(trial: Trial) -> tuple[str, ...]:
    """Those that were found, so that one that disappears is missed."""
    results = trial.report.of("services")
    return tuple(name for result in results for name in result.details.get("services", {}))


def _tell(new: Server, said: Facts, trial: Trial) -> None:
    console = out()
    console.print(line(f"{new.name}: logged in as {said.user} on {said.hostname}"))
    for row in told(trial):
        console.print(row)
    if services := _services(trial):
        console.print(line(f"found there: {', '.join(services)}"))


def _tell_next(new: Server, file: Path, trial: Trial) -> None:
    console = out()
    console.print(line(f"written into {file} as {new.name}"))
    lost = sum(standing.status is not Status.HEALTHY for standing in trial.standings)
    if lost:
        console.print(line(f"{plural(lost, 'check')} not in full; see: mailvane access {new.name}"))
    console.print(line(f"next: mailvane check {new.name}"))


COMMAND = single(add)
