"""Whatever a library raises over a stranger's bytes is a value."""

import asyncio

import pytest

from mailvane.transports.strangers import outcome_of


async def raises(error: BaseException) -> str:
    """Fails so."""
    raise error


async def test_what_it_returns_is_the_outcome() -> None:
    """A result is handed through."""

    async def works() -> str:
        return "fine"

    assert await outcome_of(works(), 1.0) == "fine"


@pytest.mark.parametrize("error", [KeyError("x"), AssertionError(), ValueError("y"), OSError(5)])
async def test_what_it_raises_is_the_outcome(error: Exception) -> None:
    """Any exception, also one that nobody thought of."""
    assert await outcome_of(raises(error), 1.0) is error


async def test_too_late_is_an_outcome() -> None:
    """After the time it is a TimeoutError."""
    assert isinstance(await outcome_of(asyncio.sleep(60), 0.05), TimeoutError)


async def test_whoever_gives_up_is_not_held() -> None:
    """Cancelling the caller cancels the work and is no outcome."""
    ended = asyncio.Event()

    async def works() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    task = asyncio.create_task(outcome_of(works(), 60.0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_a_work_that_cancels_itself_is_no_answer() -> None:
    """Being cancelled is not taken for a failure of the stranger."""
    with pytest.raises(asyncio.CancelledError):
        await outcome_of(raises(asyncio.CancelledError()), 1.0)
