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
    """Figures about the verdict cache since the store was created.

    Attributes:
        kept: verdicts that the cache holds now.
        bytes: the memory that these verdicts take in Redis.
        hits: proofs answered without a run.
        misses: proofs for which no verdict had been kept.
        shared: proofs that, instead of running, waited for another run of the same question.
        evicted: verdicts that were evicted to make room.
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
    """Read the cache's figures over a blocking client."""
    with translated():
        return _stats(client.zcard("farm:verdicts"), client.hgetall("farm:counters"))


async def read_cache_stats_async(client: AsyncRedisClient) -> CacheStats:
    """Read the cache's figures over the API's client."""
    with translated():
        return _stats(await client.zcard("farm:verdicts"), await client.hgetall("farm:counters"))


def purge_cache(client: RedisClient, *, toolchain: str = "", policy: str = "", checker: str = "") -> int:
    """Forget all kept verdicts, or those under one toolchain, policy or checker; return how many there were."""
    scripts, cursor, forgotten = Scripts(client), _START, 0
    while True:
        with translated():
            reply = scripts.run("purge", toolchain, policy, checker, cursor)
        cursor, count = cast("tuple[bytes, int]", reply)
        forgotten += count
        if cursor == _START:
            return forgotten
