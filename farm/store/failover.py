"""A store behind Redis Sentinel: clients that ask the sentinels for the primary, and a check that a write is safe.

Replication is asynchronous. When a primary dies, the writes that no replica has received are lost. A client may
therefore rely on a write only after a replica has confirmed it.
"""

from __future__ import annotations

from typing import cast

import redis
import redis.asyncio as redis_async
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.asyncio.sentinel import SentinelConnectionPool as AsyncSentinelConnectionPool
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from farm.errors import StoreUnavailable
from farm.sentinels import Sentinels, parse_sentinels
from farm.store.client import AsyncRedisClient, RedisClient

# If a sentinel does not answer quickly, the next one is asked. By default redis-py would ask each one four times, with
# seconds in between.
_ASK: dict[str, object] = {"protocol": 2, "socket_timeout": 2.0, "socket_connect_timeout": 2.0}
_CONFIRM_MS = 1000
_FENCE = "farm:fence"
_FENCE_S = 60


class _WaitingPool(AsyncSentinelConnectionPool, redis_async.BlockingConnectionPool):
    """Connections to the primary. A request that finds no free connection waits, as in `connect_async`."""


def primary(url: str, **options: object) -> RedisClient:
    """Return a blocking client for the primary; the sentinels that the URL names know where the primary is.

    Raises:
        ConfigurationError: the URL is wrong.
    """
    found = parse_sentinels(url)
    sentinel = Sentinel(list(found.hosts), sentinel_kwargs=_ask(found, Retry(NoBackoff(), 0)))  # type: ignore[no-untyped-call]
    return cast("RedisClient", sentinel.master_for(found.service, redis.Redis, **_login(found), **options))  # type: ignore[no-untyped-call]


def primary_async(url: str, **options: object) -> AsyncRedisClient:
    """Return the API's client for the primary that the sentinels know; `options` go to its `BlockingConnectionPool`."""
    found = parse_sentinels(url)
    sentinel = AsyncSentinel(list(found.hosts), sentinel_kwargs=_ask(found, AsyncRetry(NoBackoff(), 0)))  # type: ignore[no-untyped-call]
    client = sentinel.master_for(
        found.service, redis_async.Redis, connection_pool_class=_WaitingPool, **_login(found), **options
    )
    return cast("AsyncRedisClient", client)


async def confirm(client: AsyncRedisClient) -> None:
    """Wait until a replica has all earlier writes; return at once if the store is not behind sentinels.

    Redis's WAIT command counts only writes that were made on the same connection. So this function first writes a key,
    the fence, and then sends WAIT on the same connection. Replicas apply writes in order, so a replica that has the
    fence has all earlier writes.

    Raises:
        StoreUnavailable: no replica has confirmed the writes within a second.
    """
    if not isinstance(client.connection_pool, _WaitingPool):
        return
    pipe = client.pipeline(transaction=False)
    pipe.set(_FENCE, 1, ex=_FENCE_S)
    pipe.wait(1, _CONFIRM_MS)
    _, replicas = await pipe.execute()
    if not replicas:
        raise StoreUnavailable("No replica of Redis has confirmed this yet: try again with the same Idempotency-Key")


def _ask(found: Sentinels, retry: Retry | AsyncRetry) -> dict[str, object]:
    return {**_ASK, "retry": retry, **found.own_login}


def _login(found: Sentinels) -> dict[str, object]:
    return {"db": found.database, **found.login}
