"""What an API process holds of NDJSON bodies: what has come of a line counts, until the line is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from api.bodies import lines
from api.body_memory import Buffered, Holding
from farm.errors import RateLimited

LIMIT_BYTES = 2000


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_line_is_held_from_its_first_byte_until_it_is_released() -> None:
    buffered = Buffered(LIMIT_BYTES)
    holding = Holding(buffered, "me")
    held = []
    async for line in lines(chunks(b"ab", b"c\n\n \nde\n", b"f"), 100, holding):
        held.append((line, holding.size_bytes))
        holding.release(len(line))

    assert held == [(b"abc", 6), (b"de", 2), (b"f", 1)]
    assert buffered.has_room("me", LIMIT_BYTES // 2)


async def test_a_line_that_does_not_end_counts() -> None:
    buffered = Buffered(LIMIT_BYTES)
    first, second = Holding(buffered, "me"), Holding(buffered, "me")
    found = lines(chunks(b"x" * 900, b"\n", b"y" * 900), 10_000, first)
    assert await anext(found) == b"x" * 900

    with pytest.raises(RateLimited):
        await anext(lines(chunks(b"z" * 200), 10_000, second))

    first.release(900)
    assert await anext(lines(chunks(b"z" * 200), 10_000, second)) == b"z" * 200
