"""`mailvane serve`: watches the servers until it is told to end."""

import asyncio

import typer

from mailvane.cli.command import Called
from mailvane.cli.console import err


def serve(context: typer.Context) -> None:
    """Watch the servers and answer over HTTP, until told to end.

    Ends on SIGTERM and SIGINT.
    On SIGHUP the configuration is read anew; one that is wrong is reported, and the old one stays.
    """
    called: Called = context.obj
    console = err()
    asyncio.run(called.app.serve(called.settings, console.print))
