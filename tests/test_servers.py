"""The real servers that conftest hands out."""

import asyncpg
import pytest
import redis.asyncio
from redis.exceptions import RedisError


async def test_each_test_has_an_empty_database(postgres_database: str) -> None:
    """The database of a test has no table of anybody."""
    connection = await asyncpg.connect(postgres_database)
    try:
        tables = await connection.fetchval(
            "select count(*) from information_schema.tables where table_schema = 'public'"
        )
    finally:
        await connection.close()
    assert tables == 0


async def test_a_wrong_password_is_refused(postgres_url: str) -> None:
    """The PostgreSQL of the tests asks for passwords as a real one does."""
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres_url, password="wrong")


async def test_redis_can_be_stopped_and_started(redis_url) -> None:  # noqa: ANN001
    """A stopped Redis refuses, a started one answers at the same place and is empty."""
    async with redis.asyncio.from_url(redis_url.url, retry=None) as client:
        await client.set("a", "1")
        redis_url.stop()
        with pytest.raises((RedisError, OSError)):
            await client.get("a")
        redis_url.start()
        assert await client.get("a") is None
