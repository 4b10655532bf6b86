"""The one SSH connection to a server: opened when it is needed, opened anew when it is gone, not too often."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncssh

from mailvane.core.ports import Clock
from mailvane.core.request import TcpReach
from mailvane.core.response import Reason, Unanswered
from mailvane.core.server import Ssh
from mailvane.transports.backoff import Backoff
from mailvane.transports.keys import Keys
from mailvane.transports.login import log_in
from mailvane.transports.plan import Plan, make_plan, stamp
from mailvane.transports.tcp import dial, no_connection, watch

LOGINS_AT_ONCE = 50
DIAL_SECONDS = 5.0
# A login that is refused again and again is what fail2ban bans: few tries, far apart.
REFUSED_FIRST_SECONDS, REFUSED_MOST_SECONDS = 60.0, 1800.0
# Longer than a sweep takes to ask on, under the interval of 30 s, jitter included.
UNREACHABLE_FIRST_SECONDS, UNREACHABLE_MOST_SECONDS = 5.0, 20.0


@dataclass(frozen=True, slots=True)
class Seen:
    """The port that SSH is on accepted a connection, and when."""

    reach: TcpReach
    at: datetime


class Connection:
    """A server's connection. Failed logins are repeated ever later, until a file that decides changes."""

    def __init__(self, name: str | None, reach: Ssh, among: "Connections") -> None:
        self.name = name
        """The server's; None for a jump host."""
        self.reach = reach
        self.plan: Plan | None = None
        """As of the last attempt."""
        self.seen: Seen | None = None
        """As of the last attempt: None when the port did not accept it."""
        self.opened = 0
        """How many times a connection was opened."""
        self._among = among
        self._current: asyncssh.SSHClientConnection | None = None
        self._dropped: list[asyncssh.SSHClientConnection] = []
        """Aborted, but perhaps not yet closed."""
        self._failure: Unanswered | None = None
        self._went_out = False
        """Whether the last attempt sent anything."""
        self._stamp: object = None
        self._refused = Backoff(REFUSED_FIRST_SECONDS, REFUSED_MOST_SECONDS)
        self._unreachable = Backoff(UNREACHABLE_FIRST_SECONDS, UNREACHABLE_MOST_SECONDS)
        self._lock = asyncio.Lock()

    @property
    def current(self) -> asyncssh.SSHClientConnection | None:
        """The connection if it is open."""
        return self._current if self._current and not self._current.is_closed() else None

    def jump_connection(self) -> asyncssh.SSHClientConnection | None:
        """The open connection to the jump host; None when there is none."""
        jump = self.plan.jump if self.plan else None
        return self._among.jump(jump).current if jump else None

    async def get(self) -> asyncssh.SSHClientConnection | Unanswered:
        """The open connection, or a new one, or why there is none now."""
        async with self._lock:
            if self.current:
                return self.current
            if held := self._held():
                return held
            outcome = await self._connect()
            if isinstance(outcome, Unanswered):
                self._failed(outcome)
            else:
                self._opened(outcome)
            return outcome

    def drop(self) -> None:
        """The connection is not used any more; the next one asked for is new."""
        if self._current:
            self._current.abort()
            self._dropped = [old for old in self._dropped if not old.is_closed()]
            self._dropped.append(self._current)
            self._current = None

    async def close(self) -> None:
        """Nothing is open."""
        self.drop()
        while self._dropped:
            await self._dropped.pop().wait_closed()

    def _held(self) -> Unanswered | None:
        """Why no attempt may be made now."""
        if self._failure and (left := self._refused.left_seconds):
            if stamp(self.reach) == self._stamp:
                return _until(self._failure, self._among.clock() + timedelta(seconds=left))
            self._refused.lift()
            self._unreachable.lift()
        return self._failure if self._unreachable.left_seconds else None

    def _opened(self, connection: asyncssh.SSHClientConnection) -> None:
        self._current, self._failure = connection, None
        self.opened += 1
        self._refused.lift()
        self._unreachable.lift()

    def _failed(self, failure: Unanswered) -> None:
        """A refusal by the server waits long, silence only a little, what never went out not at all."""
        self._failure = failure
        if not self._went_out:
            return
        if self.seen and failure.reason in (Reason.AUTH, Reason.HOST_KEY):
            self._stamp = stamp(self.reach)
            self._refused.failed()
        else:
            self._unreachable.failed()

    async def _connect(self) -> asyncssh.SSHClientConnection | Unanswered:
        self.seen, self._went_out = None, False
        plan = await make_plan(self.reach)
        if isinstance(plan, Unanswered):
            return plan
        self.plan = plan
        keys = await plan.keys()
        if isinstance(keys, Unanswered):
            return keys
        if plan.jump:
            return await self._through(plan, plan.jump, keys)
        self._went_out = True
        if plan.by_command:
            return self._noted(plan, await log_in(plan, keys, self.name))
        return await self._direct(plan, keys)

    async def _direct(self, plan: Plan, keys: Keys) -> asyncssh.SSHClientConnection | Unanswered:
        began = time.monotonic()
        seconds = min(DIAL_SECONDS, self.reach.connect_timeout_seconds)
        local = plan.setting("BindAddress")
        try:
            dialled = await dial(
                plan.host, plan.port, seconds, family=plan.options.family, local=local
            )
        except OSError as error:
            keys.close()
            return no_connection(error, plan.port, seconds)
        watch(dialled)
        self._see(plan, time.monotonic() - began)
        async with self._among.logins:
            return await log_in(plan, keys, self.name, connection=dialled)

    async def _through(
        self, plan: Plan, jump: Ssh, keys: Keys
    ) -> asyncssh.SSHClientConnection | Unanswered:
        tunnel = await self._among.jump(jump).get()
        if isinstance(tunnel, Unanswered):
            keys.close()
            detail = f"the jump host {jump.host} lets us not get there: {tunnel.detail}"
            return Unanswered(Reason.PROTOCOL, detail, tunnel.fix)
        self._went_out = True
        async with self._among.logins:
            return self._noted(plan, await log_in(plan, keys, self.name, tunnel=tunnel))

    def _noted(
        self, plan: Plan, outcome: asyncssh.SSHClientConnection | Unanswered
    ) -> asyncssh.SSHClientConnection | Unanswered:
        """Where we do not see TCP ourselves, an answer shows that the port was reached."""
        reasons = (Reason.AUTH, Reason.HOST_KEY)
        if not isinstance(outcome, Unanswered) or outcome.reason in reasons:
            self._see(plan, None)
        return outcome

    def _see(self, plan: Plan, seconds: float | None) -> None:
        self.seen = Seen(TcpReach(plan.host, plan.port, seconds), self._among.clock())


class Connections:
    """All connections: those to servers, and those to jump hosts, which servers share."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.logins = asyncio.Semaphore(LOGINS_AT_ONCE)
        self._servers: dict[str, Connection] = {}
        self._jumps: dict[Ssh, Connection] = {}

    def to(self, name: str, reach: Ssh) -> Connection:
        """The connection of the server of that name, not yet opened when it is new."""
        if name not in self._servers:
            self._servers[name] = Connection(name, reach, self)
        return self._servers[name]

    def jump(self, reach: Ssh) -> Connection:
        """The connection to a jump host."""
        if reach not in self._jumps:
            self._jumps[reach] = Connection(None, reach, self)
        return self._jumps[reach]

    async def forget(self, name: str) -> None:
        """The server's connection is closed, and those to jump hosts that no other one needs."""
        if connection := self._servers.pop(name, None):
            await connection.close()
        needed = self._needed()
        for reach in [reach for reach in self._jumps if reach not in needed]:
            await self._jumps.pop(reach).close()

    def _needed(self) -> set[Ssh]:
        needed: set[Ssh] = set()
        open_ends = list(self._servers.values())
        while open_ends:
            plan = open_ends.pop().plan
            if plan and plan.jump in self._jumps and plan.jump not in needed:
                needed.add(plan.jump)
                open_ends.append(self._jumps[plan.jump])
        return needed

    async def close(self) -> None:
        """Nothing is open any more."""
        for name in list(self._servers):
            await self.forget(name)


def _until(failure: Unanswered, when: datetime) -> Unanswered:
    at = when.astimezone(UTC).replace(microsecond=0)
    detail = f"{failure.detail}; no new login before {at:%H:%M:%S} UTC"
    return Unanswered(failure.reason, detail, failure.fix)
