"""Counts how often another task gets a turn on the event loop while work is done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def turns_during(work: Callable[[], Awaitable[T]]) -> tuple[int, T]:
    """Return how many turns another task gets while work is done, and the result of the work."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(count())
    found = await work()
    other.cancel()
    with suppress(asyncio.CancelledError):
        await other
    return turns, found
