"""What `user` and `token` share: the accounts of the configured database, and passwords typed in."""

import asyncio
import secrets
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import typer

from mailvane.cli.command import Called, CannotGoOn
from mailvane.cli.console import err, line
from mailvane.cli.state import own_state
from mailvane.core.accounts import Accounts, password_problem

R = TypeVar("R")
GENERATED_BYTES = 15
"""120 random bits, 20 letters."""
STDIN_LIMIT = 4096


def with_accounts(context: typer.Context, use: Callable[[Accounts], Awaitable[R]]) -> R:
    """What `use` made of the accounts that the configuration leads to."""
    called: Called = context.obj
    settings = called.settings()
    if settings.store.reveal().startswith("sqlite:"):
        own_state(settings)

    async def joined() -> R:
        async with called.app.joined(settings) as parts:
            await parts.database.open()
            return await use(parts.accounts)

    return asyncio.run(joined())


def password_for(name: str, *, from_stdin: bool, generate: bool) -> str:
    """A password that the user may have: made up, from standard input, or typed twice unseen."""
    if from_stdin and generate:
        raise typer.BadParameter("--password-stdin and --generate exclude each other")
    if generate:
        return secrets.token_urlsafe(GENERATED_BYTES)
    password = _from_stdin() if from_stdin else _typed(name)
    if problem := password_problem(name, password):
        raise CannotGoOn(f"this password cannot be used: {problem}")
    return password


def reveal(what: str, secret: str) -> None:
    """A secret that was made up is on standard output, alone on its line, this once."""
    err().print(line(f"{what}, shown this once:"))
    typer.echo(secret)


def _from_stdin() -> str:
    """The first line, so that `echo` and a file with a line's end both work."""
    return sys.stdin.readline(STDIN_LIMIT).rstrip("\r\n")


def _typed(name: str) -> str:
    if not sys.stdin.isatty():
        raise CannotGoOn(
            "there is no terminal to ask for a password\nuse --password-stdin or --generate"
        )
    return str(
        typer.prompt(f"password for {name}", hide_input=True, confirmation_prompt=True, err=True)
    )
