"""What the tests of the transports share."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from mailvane.transports.ssh import SshTransport
from tests.sshd import sshd

__all__ = ["ssh", "sshd"]


@pytest.fixture
async def ssh() -> AsyncIterator[SshTransport]:
    """The SSH transport, closed after the test."""
    transport = SshTransport(lambda: datetime.now(UTC))
    yield transport
    await transport.close()
