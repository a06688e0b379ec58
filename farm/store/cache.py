"""The verdict cache: its size, how often it answers, and how to purge it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from farm.store.client import AsyncRedisClient, RedisClient
from farm.store.connection import translated
from farm.store.scripts import Scripts

_START = b"0"


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Figures about the verdict cache; all except `kept` and `bytes` are counted since the store was created.

    Attributes:
        kept: how many verdicts the cache holds now.
        bytes: the memory that these verdicts take in Redis.
        hits: how many proofs were answered from the cache, without a run.
        misses: how many proofs found no verdict in the cache.
        shared: how many proofs did not run themselves, but waited for a run that asked the same question.
        evicted: how many verdicts were dropped to make room.
    """

    kept: int
    bytes: int
    hits: int
    misses: int
    shared: int
    evicted: int


def _stats(kept: int, counters: dict[bytes, bytes]) -> CacheStats:
    names = (b"cache_bytes", b"cache_hits", b"cache_misses", b"flights_joined", b"cache_evicted")
    return CacheStats(kept, *(int(counters.get(name, 0)) for name in names))


def read_cache_stats(client: RedisClient) -> CacheStats:
    """Return the cache's figures, over a blocking client."""
    with translated():
        return _stats(client.zcard("farm:verdicts"), client.hgetall("farm:counters"))


async def read_cache_stats_async(client: AsyncRedisClient) -> CacheStats:
    """Return the cache's figures, over the API's client."""
    with translated():
        return _stats(await client.zcard("farm:verdicts"), await client.hgetall("farm:counters"))


def purge_cache(client: RedisClient, *, toolchain: str = "", policy: str = "", checker: str = "") -> int:
    """Delete verdicts from the cache; return how many were deleted.

    If a toolchain, policy or checker is given, only the verdicts made with it are deleted. Otherwise all are.
    """
    scripts, cursor, forgotten = Scripts(client), _START, 0
    while True:
        with translated():
            reply = scripts.run("purge", toolchain, policy, checker, cursor)
        cursor, count = cast("tuple[bytes, int]", reply)
        forgotten += count
        if cursor == _START:
            return forgotten
