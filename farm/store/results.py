"""Reads the verdicts of a batch, each as the JSON that was written; limits how many are in memory at once."""

from __future__ import annotations

from collections.abc import Sequence

from farm.errors import StoreUnavailable
from farm.store.client import AsyncRedisClient
from farm.store.codec import raw
from farm.store.connection import translated

PAGE_BYTES = 8 << 20
# How many verdicts or proofs the first read of a page takes, and each later read: a verdict may have 2 MB.
FIRST, MOST = 16, 64


async def read_results(client: AsyncRedisClient, batch: str, indices: Sequence[str]) -> list[bytes]:
    """Return the verdicts at these indices, all of which have been written.

    A missing verdict is an error. If it were left out, the caller would mistake the next verdict for it.

    Raises:
        StoreUnavailable: a verdict is missing, because a failover has lost it or the batch has just expired.
    """
    return [raw(blob) for blob in await _read_packed(client, batch, indices)]


async def read_page(client: AsyncRedisClient, batch: str, indices: Sequence[str]) -> list[bytes]:
    """Read verdicts in the order of these indices until they fill a page or none is left; return what was read.

    They are unpacked one by one, because a verdict of 2 MB may take only kilobytes in the store.

    Raises the same errors as `read_results`.
    """
    found: list[bytes] = []
    size_bytes, many = 0, FIRST
    while some := indices[len(found) : len(found) + many]:
        for blob in await _read_packed(client, batch, some):
            found.append(raw(blob))
            size_bytes += len(found[-1])
            if size_bytes >= PAGE_BYTES:
                return found
        many = MOST
    return found


async def _read_packed(client: AsyncRedisClient, batch: str, indices: Sequence[str]) -> list[bytes]:
    if not indices:
        return []
    with translated():
        blobs = await client.hmget(f"farm:batch:{batch}:results", indices)
    if not all(blobs):
        raise StoreUnavailable("The store has lost verdicts of this batch, or they have just expired: try again")
    return [blob for blob in blobs if blob]
