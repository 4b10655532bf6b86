"""The whole catalogue, swept over a transport that answers nothing."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from mailvane.checks import catalogue
from mailvane.core.check import Check
from mailvane.core.ports import Responses
from mailvane.core.request import Request
from mailvane.core.response import Reason, Unanswered
from mailvane.core.secret import Secret
from mailvane.core.server import DeliveryLog, Local, Server, Service, Ssh
from mailvane.core.status import Status
from mailvane.engine.sweep import Sweeper

NOW = datetime(2025, 1, 12, 18, 30, tzinfo=UTC)
SERVERS = {
    "by ssh": Server(
        name="mail-va",
        hostname="mail-va.example",
        reach=Ssh(host="192.0.2.7"),
        services=(Service("postfix", critical=True), Service("dovecot")),
        log_files=("/var/log/mail.log",),
        delivery=DeliveryLog(database=Secret("sqlite:///nowhere.db")),
    ),
    "local": Server(name="here", hostname="here.example", reach=Local()),
    "no mail": Server(name="api", role="api", hostname="api.example", reach=Local()),
}


class Silent:
    """Answers nothing, for one reason."""

    def __init__(self, reason: Reason) -> None:
        self._reason = reason

    async def send(self, _: Server, requests: Sequence[Request[Any]]) -> Responses:
        """No answers."""
        return {request: Unanswered(self._reason, "no answer") for request in requests}

    async def forget(self, name: str) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.BUG])
@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS.keys())
@pytest.mark.parametrize("check", catalogue(), ids=lambda check: check.name)
def test_no_check_is_healthy_in_silence(check: Check[Any], server: Server, reason: Reason) -> None:
    """When nothing that a check asks is answered, none of its results is healthy, and it does not crash."""
    report = asyncio.run(Sweeper([check], Silent(reason), lambda: NOW).sweep(server))
    assert Status.HEALTHY not in {result.status for result in report.results}
    assert Reason.BUG not in {result.reason for result in report.results}
