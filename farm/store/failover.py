"""A store behind Redis Sentinel: clients that ask the sentinels for the primary, and when a write is safe.

Replication is asynchronous: when a primary dies, what no replica has is lost. So a replica has to confirm a write
before a client may rely on it.
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

# A sentinel that does not answer quickly is skipped for another; redis-py would try each four times, seconds apart.
_ASK: dict[str, object] = {"protocol": 2, "socket_timeout": 2.0, "socket_connect_timeout": 2.0}
_CONFIRM_MS = 1000
_FENCE = "farm:fence"
_FENCE_S = 60


class _WaitingPool(AsyncSentinelConnectionPool, redis_async.BlockingConnectionPool):
    """Connections to the primary; a request that finds none free waits, as in `connect_async`."""


def primary(url: str, **options: object) -> RedisClient:
    """Return a blocking client for the primary that the sentinels of a URL know.

    Raises:
        ConfigurationError: the URL is wrong.
    """
    found = parse_sentinels(url)
    sentinel = Sentinel(list(found.hosts), sentinel_kwargs=_ask(found, Retry(NoBackoff(), 0)))  # type: ignore[no-untyped-call]
    return cast("RedisClient", sentinel.master_for(found.service, redis.Redis, **_login(found), **options))  # type: ignore[no-untyped-call]


def primary_async(url: str, **options: object) -> AsyncRedisClient:
    """Return the API's client for the same primary; the options are those of a blocking pool."""
    found = parse_sentinels(url)
    sentinel = AsyncSentinel(list(found.hosts), sentinel_kwargs=_ask(found, AsyncRetry(NoBackoff(), 0)))  # type: ignore[no-untyped-call]
    client = sentinel.master_for(
        found.service, redis_async.Redis, connection_pool_class=_WaitingPool, **_login(found), **options
    )
    return cast("AsyncRedisClient", client)


async def confirm(client: AsyncRedisClient) -> None:
    """Wait until a replica has all earlier writes; return at once if the store is not behind sentinels.

    WAIT counts only writes on its own connection, so it follows a write, the fence. Replicas apply writes in order, so
    a replica that has the fence has all earlier writes.

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
