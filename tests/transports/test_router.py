"""Each request to the transport that carries it."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mailvane.core.ports import Responses
from mailvane.core.request import (
    Request,
    ShellCommand,
    SqlQuery,
    StartTls,
    TcpConnect,
    TlsHandshake,
)
from mailvane.core.response import Answered, Reason, Unanswered
from mailvane.core.secret import Secret
from mailvane.core.server import Local, Reach, Recorded, Server, Ssh
from mailvane.transports.router import Router

NOW = datetime(2025, 1, 12, 18, 30, tzinfo=UTC)
SHELL, TCP = ShellCommand("mailq"), TcpConnect("mx", (25,))
TLS = TlsHandshake("mx", 587, "mx", StartTls.SMTP)
SQL = SqlQuery(Secret("sqlite://"), "select 1")


class Named:
    """A transport that answers with its name."""

    def __init__(self, name: str, meets: asyncio.Barrier | None = None) -> None:
        self.name = name
        self.forgotten: list[str] = []
        self.closed = 0
        self._meets = meets

    async def send(self, server: Server, requests: Sequence[Request[Any]]) -> Responses:
        """Its name, for each request."""
        del server
        if self._meets:
            await self._meets.wait()
        return {request: Answered(self.name, NOW) for request in requests}

    async def forget(self, name: str) -> None:
        """Remembers what was forgotten."""
        self.forgotten.append(name)

    async def close(self) -> None:
        """Counts."""
        self.closed += 1


def server(reach: Reach) -> Server:
    """A server that is reached so."""
    return Server(name="mx", hostname="mx.example", reach=reach)


def router(meets: asyncio.Barrier | None = None) -> tuple[Router, dict[str, Named]]:
    """A router, and its transports by name."""
    made = {name: Named(name, meets) for name in ("ssh", "local", "recorded", "tls")}
    by_reach = {Ssh: made["ssh"], Local: made["local"], Recorded: made["recorded"]}
    return Router(by_reach, {TlsHandshake: made["tls"]}), made


async def carriers(reach: Reach) -> dict[Request[Any], object]:
    """Who answered which request of a server that is reached so."""
    responses = await router()[0].send(server(reach), [SHELL, TCP, TLS])
    return {r: a.value for r, a in responses.items() if isinstance(a, Answered)}


async def test_commands_go_the_way_of_the_server() -> None:
    """SSH or local for commands and reach; network questions by what they are."""
    assert await carriers(Ssh(host="mx")) == {SHELL: "ssh", TCP: "ssh", TLS: "tls"}
    assert await carriers(Local()) == {SHELL: "local", TCP: "local", TLS: "tls"}


async def test_a_recording_answers_everything() -> None:
    """Nothing of a recorded server goes over a network."""
    reach = Recorded(Path("/x"))
    assert await carriers(reach) == dict.fromkeys((SHELL, TCP, TLS), "recorded")


async def test_what_nobody_carries_is_our_bug() -> None:
    """It is unanswered, and the others are not disturbed."""
    responses = await router()[0].send(server(Local()), [SQL, SHELL])
    assert responses == {
        SQL: Unanswered(Reason.BUG, "nothing here carries a SqlQuery"),
        SHELL: Answered("local", NOW),
    }


async def test_all_are_asked_at_the_same_time() -> None:
    """Two transports that wait for each other both answer."""
    meeting, _ = router(asyncio.Barrier(2))
    async with asyncio.timeout(5):
        assert len(await meeting.send(server(Local()), [SHELL, TLS])) == 2


async def test_forgetting_and_closing_reach_everyone() -> None:
    """Each transport is told once."""
    routing, made = router()
    await routing.forget("mx")
    await routing.close()
    assert [transport.forgotten for transport in made.values()] == [["mx"]] * 4
    assert [transport.closed for transport in made.values()] == [1] * 4
