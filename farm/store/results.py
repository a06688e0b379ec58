"""Reads the verdicts of a batch, each as the JSON that was written, and never too much of them at once."""

from __future__ import annotations

from collections.abc import Sequence

from farm.errors import StoreUnavailable
from farm.store.client import AsyncRedisClient
from farm.store.codec import raw
from farm.store.connection import translated

PAGE_BYTES = 8 << 20
# How many verdicts are read first; each has up to 2 MB of messages. If these are small, the next read takes four times
# as many.
_FIRST = 16


async def read_results(client: AsyncRedisClient, batch: str, indices: Sequence[str]) -> list[bytes]:
    """Return the verdicts at these indices, all of which have been written.

    A missing verdict is an error. If it were left out, the caller would mistake the next verdict for it.

    Raises:
        StoreUnavailable: a verdict is missing, because a failover has lost it or the batch has just expired.
    """
    if not indices:
        return []
    with translated():
        blobs = await client.hmget(f"farm:batch:{batch}:results", indices)
    if not all(blobs):
        raise StoreUnavailable("The store has lost verdicts of this batch, or they have just expired: try again")
    return [raw(blob) for blob in blobs if blob]


async def read_page(client: AsyncRedisClient, batch: str, indices: Sequence[str]) -> list[bytes]:
    """Read verdicts in the order of these indices until they fill a page or none is left; return what was read.

    Raises the same errors as `read_results`.
    """
    found: list[bytes] = []
    many = _FIRST
    while len(found) < len(indices) and sum(map(len, found)) < PAGE_BYTES:
        found += await read_results(client, batch, indices[len(found) : len(found) + many])
        many *= 4
    return found
