"""Connections to Redis: where they are opened, and where its errors become ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
import redis.asyncio as redis_async
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from farm.errors import ConfigurationError, RateLimited, StoreUnavailable

# redis-py types each reply as the union over both protocols and over decoding on and off. We speak RESP2 and get bytes.
RedisClient = Any
AsyncRedisClient = Any

# redis-py 8 gives up on a blocking read after 5 s; ours block for up to 15 s.
_SOCKET_TIMEOUT_S = 30.0
_CONNECT_TIMEOUT_S = 5.0
_RETRIES = 3
_MOST_CONNECTIONS = 512
_FULL_RETRY_S = 30.0


def connect(url: str) -> RedisClient:
    """Return a client for worker processes; it connects on first use, and survives a fork before that."""
    return redis.Redis.from_url(
        url,
        protocol=2,
        socket_timeout=_SOCKET_TIMEOUT_S,
        socket_connect_timeout=_CONNECT_TIMEOUT_S,
        retry=Retry(ExponentialBackoff(cap=1.0, base=0.05), _RETRIES),
        health_check_interval=30,
    )


def connect_async(url: str) -> AsyncRedisClient:
    """Return a client for the API; a blocking read takes a connection of its own from the pool.

    A thousand requests at once share the connections: who finds none waits for one (redis-py's own pool refuses).
    """
    pool = redis_async.BlockingConnectionPool.from_url(
        url,
        max_connections=_MOST_CONNECTIONS,
        timeout=_SOCKET_TIMEOUT_S,
        protocol=2,
        socket_timeout=_SOCKET_TIMEOUT_S,
        socket_connect_timeout=_CONNECT_TIMEOUT_S,
        retry=AsyncRetry(ExponentialBackoff(cap=1.0, base=0.05), _RETRIES),
        health_check_interval=30,
    )
    return redis_async.Redis.from_pool(pool)


def check_server(client: RedisClient) -> str:
    """Return a sentence that names the server.

    Raises:
        StoreUnavailable: nobody answers.
        ConfigurationError: a cluster, which the scripts cannot span, or a server that may evict our keys.
    """
    with translated():
        info = client.info()
        policy = info.get("maxmemory_policy", "noeviction")
    if info.get("redis_mode") == "cluster":
        raise ConfigurationError("REDIS_URL names a Redis Cluster: use a single primary (with Sentinel for failover)")
    if policy != "noeviction":
        raise ConfigurationError(f"Redis evicts keys ({policy}), so verdicts would get lost: set `noeviction`")
    version = info.get("valkey_version") or info.get("redis_version")
    return f"{info.get('server_name', 'redis')} {version}"


def _translate(error: RedisError) -> StoreUnavailable:
    return StoreUnavailable(f"Redis does not answer: {error}")


@contextmanager
def translated() -> Iterator[None]:
    """Turn Redis's trouble into errors of ours; any other Redis error is a fault of ours and stays.

    Raises:
        StoreUnavailable: the connection is lost.
        RateLimited: Redis is full, and this would have brought more in.
    """
    try:
        yield
    except OutOfMemoryError as error:
        raise RateLimited("Redis is full: try again when batches have expired", retry_after_s=_FULL_RETRY_S) from error
    except (RedisConnectionError, RedisTimeoutError) as error:
        raise _translate(error) from error
