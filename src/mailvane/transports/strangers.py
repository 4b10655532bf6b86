"""Calls into a library that reads what a stranger sent, and may raise anything for it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def outcome_of(work: Coroutine[Any, Any, T], seconds: float) -> T | Exception:
    """What the work returns within the time, or whatever it raised, as a value."""

    async def timed() -> T:
        async with asyncio.timeout(seconds):
            return await work

    (outcome,) = await asyncio.gather(timed(), return_exceptions=True)
    if isinstance(outcome, BaseException) and not isinstance(outcome, Exception):
        raise outcome
    return outcome
