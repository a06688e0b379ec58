"""Reads the proofs of a batch as they were submitted, many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

from farm.errors import Conflict
from farm.models import ItemName, Outcome, Proof
from farm.store.client import AsyncRedisClient
from farm.store.codec import raw, unmark, unpack
from farm.store.connection import translated
from farm.store.records import read_record
from farm.store.results import FIRST, MOST, PAGE_BYTES

_SLICE = 100


async def items_json(client: AsyncRedisClient, batch: str, indices: range) -> list[bytes]:
    """Return proofs with their verdicts, each as the JSON of an `Item`.

    The list ends when its size exceeds that of a page, or when a proof is gone because the batch has expired.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    found: list[bytes] = []
    size_bytes, many = 0, FIRST
    while some := indices[len(found) : len(found) + many]:
        many = MOST
        for index, item, result in zip(some, *(await _read(client, batch, some)), strict=True):
            if item is None:
                return found
            verdict = raw(result) if result else b"null"
            found.append(b'{"index":%d,"proof":%s,"verdict":%s}' % (index, raw(unmark(item)), verdict))
            size_bytes += len(found[-1])
            if size_bytes > PAGE_BYTES:
                return found
    return found


async def item_names(client: AsyncRedisClient, batch: str, indices: range) -> list[ItemName]:
    """Return the names of the proofs at these indices; some are missing if the batch expires during the call.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    found: list[ItemName] = []
    for start in range(0, len(indices), _SLICE):
        some = indices[start : start + _SLICE]
        with translated():
            items = await client.hmget(f"farm:batch:{batch}:items", [str(index) for index in some])
        for index, item in zip(some, items, strict=True):
            if item is None:
                return found
            fields = unpack(unmark(item))
            found.append(ItemName(index=index, id=fields.get("id") or str(index), problem=fields.get("problem")))
    return found


async def undecided(client: AsyncRedisClient, batch: str, total: int) -> AsyncIterator[list[Proof]]:
    """Yield the proofs of a batch whose verdict is `undecided`, many at a time; each proof has the id of its verdict.

    Raises:
        Conflict: another release has stored one of the proofs in a form that this release cannot read.
        StoreUnavailable: Redis does not answer.
    """
    for start in range(0, total, _SLICE):
        some = range(start, min(start + _SLICE, total))
        items, results = await _read(client, batch, some)
        # Statements may be long, and the process that runs this event loop serves other requests too.
        yield await asyncio.to_thread(_undecided, some, items, results)


def _undecided(indices: range, items: list[bytes | None], results: list[bytes | None]) -> list[Proof]:
    return [
        _as_submitted(index, item)
        for index, item, result in zip(indices, items, results, strict=True)
        if item and result and unpack(result)["outcome"] == Outcome.UNDECIDED
    ]


def _as_submitted(index: int, item: bytes) -> Proof:
    proof = read_record(Proof, {"id": str(index), **unpack(unmark(item))})
    if proof is None:
        raise Conflict(f"Another release of the farm took proof {index}, and this one cannot read it: submit it again")
    return proof


async def _read(client: AsyncRedisClient, batch: str, indices: range) -> tuple[list[bytes | None], list[bytes | None]]:
    names = [str(index) for index in indices]
    pipe = client.pipeline(transaction=False)
    pipe.hmget(f"farm:batch:{batch}:items", names)
    pipe.hmget(f"farm:batch:{batch}:results", names)
    with translated():
        items, results = cast("list[list[bytes | None]]", await pipe.execute())
    return items, results
