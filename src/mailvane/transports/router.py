"""Hands each request to the transport that carries it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from mailvane.core.ports import Responses, Transport
from mailvane.core.request import Request, ShellCommand, TcpConnect
from mailvane.core.response import Reason, Unanswered
from mailvane.core.server import Reach, Recorded, Server

BY_REACH = (ShellCommand, TcpConnect)


class Router:
    """ShellCommand and TcpConnect go the way that the server is reached, others by what they ask.

    A recorded server answers everything from its recording.
    """

    def __init__(
        self,
        by_reach: Mapping[type[Reach], Transport],
        network: Mapping[type[Request[Any]], Transport],
    ) -> None:
        self._by_reach = by_reach
        self._network = network

    async def send(self, server: Server, requests: Sequence[Request[Any]]) -> Responses:
        """A response for every request; all transports are asked at the same time."""
        groups: dict[Transport | None, list[Request[Any]]] = {}
        for request in requests:
            groups.setdefault(self._for(server, request), []).append(request)
        answers = await asyncio.gather(
            *(_send(transport, server, group) for transport, group in groups.items())
        )
        return {request: response for part in answers for request, response in part.items()}

    async def forget(self, name: str) -> None:
        """Whatever was open to the server of that name is closed."""
        await asyncio.gather(*(transport.forget(name) for transport in self._all()))

    async def close(self) -> None:
        """Everything that was open is closed."""
        await asyncio.gather(*(transport.close() for transport in self._all()))

    def _for(self, server: Server, request: Request[Any]) -> Transport | None:
        if isinstance(server.reach, Recorded) or isinstance(request, BY_REACH):
            return self._by_reach.get(type(server.reach))
        return self._network.get(type(request))

    def _all(self) -> list[Transport]:
        return list(dict.fromkeys((*self._by_reach.values(), *self._network.values())))


async def _send(
    transport: Transport | None, server: Server, requests: Sequence[Request[Any]]
) -> Responses:
    if transport:
        return await transport.send(server, requests)
    return {request: not_carried(request) for request in requests}


def not_carried(request: Request[Any]) -> Unanswered:
    """The response to a request that came to the wrong place."""
    return Unanswered(Reason.BUG, f"nothing here carries a {type(request).__name__}")
