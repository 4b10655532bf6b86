"""`mailvane user`: the people who log in with a password."""

from typing import Annotated

import typer

from mailvane.cli.accounts import password_for, reveal, with_accounts
from mailvane.cli.command import Command, commands
from mailvane.cli.console import columns, err, line, out
from mailvane.core.accounts import Role

COMMAND = commands("Add, list, change and remove the people who log in.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]
Generate = Annotated[
    bool, typer.Option("--generate", help="Make a password up and print it, this once.")
]


@COMMAND.command("list", cls=Command)
def list_users(context: typer.Context) -> None:
    """List the users with their roles."""
    found = with_accounts(context, lambda accounts: accounts.users.all())
    if not found:
        err().print(line("there is no user; add one with: mailvane user add NAME --role admin"))
    console = out()
    for told in columns(
        [
            (entry.name, entry.role, f"since {entry.created_at:%Y-%m-%d}", _note(entry.disabled))
            for entry in found
        ]
    ):
        console.print(told)


def _note(disabled: bool) -> str:
    return "disabled" if disabled else ""


@COMMAND.command("add", cls=Command)
def add_user(
    context: typer.Context,
    name: Name,
    role: Annotated[Role, typer.Option(help="What the user may do.")] = Role.VIEWER,
    password_stdin: FromStdin = False,
    generate: Generate = False,
) -> None:
    """Add a user; the password is asked for on the terminal, unseen."""
    password = password_for(name, from_stdin=password_stdin, generate=generate)
    added = with_accounts(context, lambda accounts: accounts.users.add(name, password, role))
    err().print(line(f"{added.name} can log in as {added.role}"))
    if generate:
        reveal("the password", password)


@COMMAND.command("password", cls=Command)
def set_password(
    context: typer.Context,
    name: Name,
    password_stdin: FromStdin = False,
    generate: Generate = False,
) -> None:
    """Give a user a new password; all sessions of the user end."""
    password = password_for(name, from_stdin=password_stdin, generate=generate)
    with_accounts(context, lambda accounts: accounts.users.set_password(name, password))
    err().print(line(f"{name} has a new password and is logged out everywhere"))
    if generate:
        reveal("the password", password)


@COMMAND.command("role", cls=Command)
def set_role(
    context: typer.Context,
    name: Name,
    role: Annotated[
        Role, typer.Argument(metavar="ROLE", help="viewer, operator or admin, from now on.")
    ],
) -> None:
    """Give a user another role; the last admin stays one."""
    with_accounts(context, lambda accounts: accounts.users.set_role(name, role))
    err().print(line(f"{name} is {role} now"))


@COMMAND.command("remove", cls=Command)
def remove_user(context: typer.Context, name: Name) -> None:
    """Remove a user and end all sessions; the last admin stays."""
    with_accounts(context, lambda accounts: accounts.users.remove(name))
    err().print(line(f"{name} is removed"))
