"""Verdicts of megabytes are read a few at a time, and each once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import orjson
import pytest

from farm.models import Message, Reason
from farm.store.batches import START, Batches
from farm.store.connection import connect_async
from farm.store.leases import Leases
from tests.support.store import finish, put, take

TOTAL, SMALL = 80, 20
# A page, and the verdict that fills it.
MOST_AT_ONCE = (8 << 20) + 1_100_000


async def pages(batches: Batches, batch: str) -> AsyncIterator[list[bytes]]:
    after = None
    while True:
        page = await batches.results(batch, "me", after, 1000)
        yield page.results
        if page.done:
            return
        after = page.next


async def streamed(batches: Batches, batch: str) -> AsyncIterator[list[bytes]]:
    cursor = START
    while found := await batches.follow(batch, cursor, 500, 1):
        cursor = found[-1][0]
        yield [result for _, result in found]


async def listed(batches: Batches, batch: str) -> AsyncIterator[list[bytes]]:
    after: int | None = -1
    while after is not None:
        found, after = await batches.items(batch, "me", after, 1000)
        yield found


@pytest.mark.parametrize("read", [pages, streamed, listed])
def test_large_verdicts_come_in_parts_and_each_once(
    leases: Leases, valkey_url: str, read: Callable[[Batches, str], AsyncIterator[list[bytes]]]
) -> None:
    batch = put(valkey_url, TOTAL)
    for number in range(TOTAL):
        large = Message(severity="error", data="x" * (1_000_000 if number > SMALL else 1))
        finish(leases, take(leases, most=1), Reason.ERROR, messages=[large])

    async def parts() -> list[list[bytes]]:
        async with connect_async(valkey_url) as client:
            return [part async for part in read(Batches(client), batch)]

    found = asyncio.run(parts())
    assert max(sum(map(len, part)) for part in found) < MOST_AT_ONCE
    assert sorted(orjson.loads(each)["index"] for part in found for each in part) == list(range(TOTAL))
