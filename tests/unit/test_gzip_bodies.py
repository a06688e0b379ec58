"""Gzip bodies as they arrive: the same bytes however the network cuts them, and nothing lost."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.bodies import gunzipped
from farm.errors import InvalidRequest, TooLarge

PARTS = [b'{"code":"a"}\n' * 40, b"", b'{"code":"' + bytes(range(256)) * 9, b'"}\n']
BODY = b"".join(map(gzip.compress, PARTS))


async def cut(body: bytes, places: list[int]) -> AsyncIterator[bytes]:
    for start, end in pairwise([0, *sorted(place % len(body) for place in places), len(body)]):
        yield body[start:end]


async def unpacked(body: bytes, places: list[int], limit: int = 1 << 20) -> bytes:
    return b"".join([piece async for piece in gunzipped(cut(body, places), limit)])


CUTS = st.lists(st.integers(min_value=0, max_value=5000))


@given(places=CUTS)
async def test_members_follow_each_other_however_they_are_cut(places: list[int]) -> None:
    assert await unpacked(BODY, places) == b"".join(PARTS)


@given(places=CUTS, end=st.integers(min_value=1, max_value=len(BODY) - 1))
async def test_what_ends_inside_a_member_is_refused(places: list[int], end: int) -> None:
    ends = {len(b"".join(map(gzip.compress, PARTS[:count]))) for count in range(1, len(PARTS))}
    if end in ends:
        assert await unpacked(BODY[:end], places) == b"".join(PARTS[: sorted(ends).index(end) + 1])
    else:
        with pytest.raises(InvalidRequest, match="cut off"):
            await unpacked(BODY[:end], places)


@given(places=CUTS, garbage=st.binary(min_size=1).filter(lambda text: not text.startswith(b"\x1f")))
async def test_what_stands_behind_the_stream_is_refused(places: list[int], garbage: bytes) -> None:
    with pytest.raises(InvalidRequest, match="gzip"):
        await unpacked(BODY + garbage, places)


async def test_members_without_end_that_hold_nothing_meet_the_limit() -> None:
    with pytest.raises(TooLarge, match="MB of gzip"):
        await unpacked(gzip.compress(b"") * 60_000, [30_000, 300_000, 900_000])
