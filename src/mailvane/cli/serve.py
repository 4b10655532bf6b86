"""`mailvane serve`: watches the servers until it is told to end."""

import typer

from mailvane.cli.command import Called, single


def serve(context: typer.Context) -> None:
    """Watch the servers and answer over HTTP, until told to end.

    Ends on SIGTERM and SIGINT.
    On SIGHUP the configuration is read anew; one that is wrong is reported, and the old one stays.
    """
    import uvloop

    called: Called = context.obj
    uvloop.run(called.app.serve(called.settings, typer.echo))


COMMAND = single(serve)
