"""What runs in the background: the scheduler, the cache, and what the API sees of them."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mailvane import __version__
from mailvane.api.build import Needs, build_api
from mailvane.api.dependencies import Dependencies, Ping
from mailvane.api.health import Conditions
from mailvane.app.joining import Joined, all_checks, custom_checks, now
from mailvane.cache.memory import MemoryCache
from mailvane.core.check import Check
from mailvane.core.errors import SettingsError, StoreUnavailable
from mailvane.core.secret import Secret
from mailvane.core.status import Status
from mailvane.engine.fleet import SweptFleet
from mailvane.engine.scheduler import Scheduler
from mailvane.engine.watch import Pace
from mailvane.settings import CacheSettings, Settings

if TYPE_CHECKING:
    from mailvane.cache.redis import RedisCache

Say = Callable[[str], None]


class Watching:
    """Every server is swept and its present kept, from `start` to `close`."""

    def __init__(self, parts: Joined) -> None:
        self._parts = parts
        self.settings = settings = parts.settings
        self.cache, redis = _cache(settings.cache)
        pace = Pace(
            refresh_every_seconds=settings.cache.refresh_every_seconds,
            limit_seconds=settings.sweep.limit_seconds,
            at_once=settings.sweep.at_once,
        )
        self.scheduler = Scheduler(parts.sweeper, parts.transport, self.cache, pace)
        self.fleet = SweptFleet(self.scheduler, self.cache)
        self._dependencies = Dependencies({"database": parts.database.ping, "redis": redis})

    async def start(self) -> None:
        """Every server is swept from now on."""
        self.cache.keep_only(self.settings.servers)
        await self.cache.open()
        await self.scheduler.replace(self.settings.servers)

    async def close(self) -> None:
        """Nothing runs in the background any more."""
        await self.scheduler.close()
        await self.cache.close()

    async def reload(self, load_anew: Callable[[], Settings], say: Say) -> None:
        """The settings as they are now are in force; wrong ones are told and the old ones stay.

        What decides how the service itself runs (address, database, cache, logins) needs a restart.
        """
        try:
            settings = await asyncio.to_thread(load_anew)
        except SettingsError as error:
            say(f"configuration not taken, the old one stays in force:\n{error}")
            return
        for warning in settings.warnings:
            say(f"warning: {warning}")
        self.settings = settings
        await self.scheduler.replace(settings.servers)
        say(f"configuration taken: {len(settings.servers)} servers")

    def api(self, secret: Secret) -> Any:
        """The API over what is watched, as an ASGI application."""
        return build_api(
            Needs(
                fleet=self.fleet,
                accounts=self._parts.accounts,
                dependencies=self._dependencies,
                catalogue=self._catalogue,
                conditions=lambda: Conditions(
                    self.settings.regions, self.settings.cache.fresh_for_seconds
                ),
                doorway=self.settings.api.doorway,
                secret=secret,
                clock=now,
                version=__version__,
                access_token_life=timedelta(seconds=self.settings.auth.access_token_seconds),
            )
        )

    def _catalogue(self) -> Sequence[Check[Any]]:
        custom = {c.name: c for server in self.settings.servers for c in custom_checks(server)}
        return (*all_checks(), *custom.values())


def _cache(settings: CacheSettings) -> tuple["MemoryCache | RedisCache", Ping | None]:
    """The cache that is configured, and how Redis is asked whether it answers."""
    if settings.url is None:
        return MemoryCache(), None
    from mailvane.cache.redis import RedisCache

    cache = RedisCache(settings.url, now, settings.fresh_for_seconds)

    async def ping() -> float:
        seen = cache.status()
        if seen.status is not Status.HEALTHY or seen.response_seconds is None:
            raise StoreUnavailable(seen.reason or "Redis has not answered yet")
        return seen.response_seconds

    return cache, ping
