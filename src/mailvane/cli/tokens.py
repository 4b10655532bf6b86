"""`mailvane token`: tokens with which programs call the API."""

import getpass
import re
from datetime import datetime, timedelta
from typing import Annotated

import typer

from mailvane.cli.accounts import reveal, with_accounts
from mailvane.cli.command import Called, CannotGoOn, Command, commands
from mailvane.cli.console import columns, err, line, out
from mailvane.core.accounts import ApiToken, Role

COMMAND = commands("Create, list and revoke tokens with which programs call the API.")

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
LONGEST = timedelta(days=3650)


@COMMAND.command("create", cls=Command)
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the token is for.")],
    role: Annotated[Role, typer.Option(help="What its bearer may do.")] = Role.VIEWER,
    expires: Annotated[
        str,
        typer.Option(metavar="AGE", help="When it runs out, such as 12h, 90d, 52w, or never."),
    ] = "90d",
) -> None:
    """Create a token and print it, this once; only a hash of it is kept."""
    called: Called = context.obj
    until = _until(expires, called.clock())
    made, secret = with_accounts(
        context,
        lambda accounts: accounts.tokens.add(name, role, created_by=_caller(), expires_at=until),
    )
    err().print(line(f"{made.name}: {made.role}, {_lifetime(made, called.clock())}"))
    reveal("the token", secret.reveal())


@COMMAND.command("list", cls=Command)
def list_tokens(context: typer.Context) -> None:
    """List the tokens, also those that are revoked or have run out."""
    called: Called = context.obj
    found = with_accounts(context, lambda accounts: accounts.tokens.all())
    if not found:
        err().print(line("there is no token; create one with: mailvane token create NAME"))
    console = out()
    for told in columns([_row(entry, called.clock()) for entry in found]):
        console.print(told)


@COMMAND.command("revoke", cls=Command)
def revoke(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The token's name.")],
) -> None:
    """Make a token void at once."""
    with_accounts(context, lambda accounts: accounts.tokens.revoke(name))
    err().print(line(f"{name} is void"))


def _until(expires: str, now: datetime) -> datetime | None:
    if expires == "never":
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,4})([hdw])", expires)
    if match is None:
        raise CannotGoOn(
            f"--expires: expected an age such as 12h, 90d, 52w or never, found {expires!r}"
        )
    age = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if age > LONGEST:
        raise CannotGoOn(f"--expires: expected at most {LONGEST.days}d, found {expires}")
    return now + age


def _caller() -> str:
    """Who is at the terminal, for the record: the command line itself has no login."""
    try:
        return f"{getpass.getuser()} at the command line"
    except (KeyError, OSError):
        return "the command line"


def _row(entry: ApiToken, now: datetime) -> tuple[str, ...]:
    used = f"used {entry.last_used_at:%Y-%m-%d}" if entry.last_used_at else "never used"
    return entry.name, entry.role, _lifetime(entry, now), used, f"by {entry.created_by}"


def _lifetime(entry: ApiToken, now: datetime) -> str:
    if entry.revoked_at:
        return f"revoked {entry.revoked_at:%Y-%m-%d}"
    if entry.expires_at is None:
        return "never expires"
    word = "expires" if entry.expires_at > now else "expired"
    return f"{word} {entry.expires_at:%Y-%m-%d %H:%M} UTC"
