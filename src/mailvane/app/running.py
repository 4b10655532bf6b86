"""The service from its start to its end: signals, the HTTP port, and what is said on the terminal."""

import asyncio
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator

from mailvane import __version__
from mailvane.api.auth.keys import load_or_make
from mailvane.api.serving import listen, serve_http
from mailvane.app.joining import joined
from mailvane.app.logging import set_up_log
from mailvane.app.watching import Say, Watching
from mailvane.core.server import Local
from mailvane.core.words import duration, plural
from mailvane.settings import Settings, prepare_state
from mailvane.store.accounts import FIRST_ADMIN, first_admin


async def run(load_anew: Callable[[], Settings], say: Say) -> None:
    """Servers are watched and questions answered until SIGTERM or SIGINT; SIGHUP reads the settings anew.

    1. The state folder, the database and the address to listen on are had, or MailvaneError says why not.
    2. The first sweeps begin.
    3. Where to look is said, and questions are answered.
    """
    settings = load_anew()
    set_up_log(settings.log)
    secret = load_or_make(prepare_state(settings.state) / "secret")
    async with joined(settings) as parts:
        await parts.database.open()
        with listen(settings.api.host, settings.api.port) as socket:
            watching = Watching(parts)
            await watching.start()
            try:
                over = asyncio.Event()
                _on_signals(over, lambda: watching.reload(load_anew, say))
                for line in welcome(settings, await first_admin(parts.accounts), own_command()):
                    say(line)
                await serve_http(watching.api(secret), socket, over)
            finally:
                await watching.close()


def own_command() -> str:
    """How `mailvane` can be called on this machine."""
    return "mailvane" if shutil.which("mailvane") else sys.argv[0]


def welcome(settings: Settings, password: str | None, command: str) -> Iterator[str]:
    """Where to look, how to log in and how to add a server."""
    url = f"http://{_shown(settings.api.host)}:{settings.api.port}"
    every = duration(settings.cache.refresh_every_seconds)
    yield f"Mailvane {__version__} watches {_watched(settings)}, every {every}."
    for warning in settings.warnings:
        yield f"warning: {warning}"
    yield f"  look     {url}/admin/system/health with a token, or: {command} check"
    if password:
        yield f"  log in   as {FIRST_ADMIN} with the password {password}"
        yield f"           It is shown only now; another one: {command} user password {FIRST_ADMIN}"
    else:
        yield f"  log in   with your user; a new password: {command} user password NAME"
    yield (
        f"           curl -s {url}/api/v1/auth/login -H 'Content-Type: application/json' "
        f"""-d '{{"username": "{FIRST_ADMIN}", "password": "…"}}' | jq -r .access_token"""
    )
    yield f"  add      {command} add USER@HOST"


def _watched(settings: Settings) -> str:
    servers = settings.servers
    if len(servers) == 1 and isinstance(servers[0].reach, Local):
        return f"this machine ({servers[0].name})"
    return plural(len(servers), "server")


def _shown(host: str) -> str:
    """The host as it stands in a URL that a browser on this machine can open."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound
    return f"[{host}]" if ":" in host else host


def _on_signals(over: asyncio.Event, reload: Callable[[], Awaitable[None]]) -> None:
    """SIGTERM and SIGINT set the event; SIGHUP reloads, one reload at a time."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()
    one_at_a_time = asyncio.Lock()

    async def reload_once() -> None:
        async with one_at_a_time:
            await reload()

    def on_hangup() -> None:
        task = loop.create_task(reload_once())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    loop.add_signal_handler(signal.SIGHUP, on_hangup)
