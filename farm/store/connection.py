"""Connections to Redis: how they are opened, and how errors of Redis become errors of the farm."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar, cast

import redis
import redis.asyncio as redis_async
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import MasterNotFoundError as AsyncMasterNotFoundError
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MasterDownError, NoScriptError, OutOfMemoryError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, SentinelConnectionPool

from farm import descriptors
from farm.errors import ConfigurationError, StoreUnavailable
from farm.sentinels import is_sentinel
from farm.sockets import CHECK_EVERY_S, CONNECT_S, SILENCE_S, SILENCE_WHEN_BLOCKED_S, keepalive
from farm.store import failover
from farm.store.client import AsyncRedisClient, RedisClient

T = TypeVar("T")
Fail = Callable[[Exception], object] | Callable[[Exception, int], object]
IsRetryable = Callable[[Exception], bool] | None

_RETRIES = 3
_OPTIONS: dict[str, object] = {
    "protocol": 2,
    "socket_connect_timeout": CONNECT_S,
    "socket_keepalive": True,
    "socket_keepalive_options": keepalive(),
    "health_check_interval": CHECK_EVERY_S,
}
_MOST_CONNECTIONS = 512
# How long a request to the API waits for a connection if all connections are in use.
_CONNECTION_WAIT_S = 30.0
# The errors with which a server answers while it cannot write: its memory or disk is full, it is starting, it is a
# replica, or a script keeps it busy. A script gets such an error before its first write, so the script has changed
# nothing.
_REFUSALS_BY_CLASS: dict[type[ResponseError], str] = {
    OutOfMemoryError: "Redis is full (maxmemory)",
    ReadOnlyError: "This Redis is a replica",
    MasterDownError: "This Redis has lost its primary",
    # If the server does not know a script, redis-py loads the script and runs it again, once. If the script is unknown
    # even then, another server has answered, after a failover or a restart.
    NoScriptError: "This Redis has just taken over",
}
_REFUSALS_BY_CODE = {
    # While a script runs for longer than five seconds, the server answers every other command like this. On a slow
    # host, the commit of a batch with very many headers takes so long.
    "BUSY": "Redis is busy with a long script",
    "MISCONF": "Redis cannot write to its disk",
    "NOREPLICAS": "Redis has too few replicas",
    "UNBLOCKED": "Redis ended a blocking read, as it does when it becomes a replica",
}
# uvloop raises this for a write to a connection that was reset; asyncio raises nothing until the next read.
_HANDLER_CLOSED = "handler is closed"
_PASSING = (RedisConnectionError, RedisTimeoutError)
_IN_PIPELINE = " of pipeline caused error: "


def _may_try_again(allowed: IsRetryable) -> Callable[[Exception], bool]:
    """Return a check that says whether redis-py may retry a command after an error.

    The check asks `allowed`. But a command that has timed out twice is never retried: each timeout costs seconds.
    """
    silences = itertools.count()

    def may(error: Exception) -> bool:
        if isinstance(error, (RedisTimeoutError, TimeoutError)) and next(silences):
            return False
        return allowed is None or allowed(error)

    return may


class _Retry(Retry):
    """The retries of blocking clients."""

    def call_with_retry(
        self, do: Callable[[], T], fail: Fail, is_retryable: IsRetryable = None, with_failure_count: bool = False
    ) -> T:
        return super().call_with_retry(do, fail, _may_try_again(is_retryable), with_failure_count)


class _AsyncRetry(AsyncRetry):
    """The retries of the API's clients."""

    async def call_with_retry(
        self,
        do: Callable[[], Awaitable[T]],
        fail: Fail,
        is_retryable: IsRetryable = None,
        with_failure_count: bool = False,
    ) -> T:
        return await super().call_with_retry(do, fail, _may_try_again(is_retryable), with_failure_count)


def connect(url: str, *, silence_s: float = SILENCE_S) -> RedisClient:
    """Return a client for worker processes. It connects on first use, so a process may fork before that.

    Args:
        url: the URL of the store.
        silence_s: how long the client waits for an answer before it gives the connection up; this must be longer than
            any blocking read.

    Raises:
        ConfigurationError: the URL is wrong.
    """
    _check(url)
    options: dict[str, object] = {
        **_OPTIONS,
        "socket_timeout": silence_s,
        "retry": _Retry(ExponentialBackoff(cap=1.0, base=0.05), _RETRIES),
    }
    if is_sentinel(url):
        return failover.primary(url, **options)
    return cast("RedisClient", redis.Redis.from_url(url, **options))


def most_connections() -> int:
    """Return how many connections to Redis the API may have.

    They take at most a quarter of the file descriptors, so that enough are left for the clients of the API.
    """
    return min(_MOST_CONNECTIONS, descriptors.limit() // 4)


def connect_async(url: str) -> AsyncRedisClient:
    """Return a client for the API. Each blocking read occupies a connection of the client's pool.

    All requests share the connections of the pool. A request that finds no free connection waits. With redis-py's
    default pool, the request would fail.

    Raises:
        ConfigurationError: the URL is wrong.
    """
    _check(url)
    passing = cast("tuple[type[RedisError], ...]", (*_PASSING, RuntimeError))  # RuntimeError is uvloop's
    options: dict[str, object] = {
        **_OPTIONS,
        "socket_timeout": SILENCE_WHEN_BLOCKED_S,
        "retry": _AsyncRetry(ExponentialBackoff(cap=1.0, base=0.05), _RETRIES, passing),
        "max_connections": most_connections(),
        "timeout": _CONNECTION_WAIT_S,
    }
    if is_sentinel(url):
        return failover.primary_async(url, **options)
    pool = redis_async.BlockingConnectionPool.from_url(url, **options)
    return cast("AsyncRedisClient", redis_async.Redis.from_pool(pool))


def _check(url: str) -> None:
    """Raise ConfigurationError at once for a URL that redis-py would refuse only on first use."""
    if not url:
        raise ConfigurationError("REDIS_URL is not set: it names the Redis or Valkey of this farm")
    try:
        if not is_sentinel(url):
            pool = redis.ConnectionPool.from_url(url)
            pool.connection_class(**pool.connection_kwargs)
    except (TypeError, ValueError) as error:
        # The error is not quoted, because it may contain a part of the password.
        raise ConfigurationError("REDIS_URL: redis-py cannot read it, or does not know an option after `?`") from error


def answers(url: str, timeout_s: float) -> bool:
    """Whether a server answers and has loaded its data. The server is asked once, without retries."""
    client = redis.Redis.from_url(
        url, protocol=2, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 0)
    )
    with closing(client):
        try:
            return bool(client.ping())
        except RedisError:
            return False


def check_server(client: RedisClient) -> str:
    """Check that the server suits the farm; return its name and version.

    Raises:
        StoreUnavailable: the server does not answer.
        ConfigurationError: the server is a cluster, where the scripts would need keys of several nodes. Or the server
            may evict the farm's keys. Or it is a primary behind sentinels and accepts writes that no replica receives.
    """
    with translated():
        info = client.info()
        policy = info.get("maxmemory_policy", "noeviction")
    if info.get("redis_mode") == "cluster":
        raise ConfigurationError("REDIS_URL names a Redis Cluster: use a single primary (with Sentinel for failover)")
    if policy != "noeviction":
        raise ConfigurationError(f"Redis evicts keys ({policy}), so verdicts would get lost: set `noeviction`")
    if isinstance(client.connection_pool, SentinelConnectionPool) and "min_slaves_good_slaves" not in info:
        raise ConfigurationError(
            "A primary that is cut off from its replicas would lose all that it accepts: set `min-replicas-to-write 1`"
        )
    version = info.get("valkey_version") or info.get("redis_version")
    return f"{info.get('server_name', 'redis')} {version}"


def _refusal(error: ResponseError) -> str | None:
    """Return why the server cannot write for now; None if the error shows a bug in the farm."""
    # redis-py strips a code for which it has a class, and it puts the command before an error from a pipeline.
    code = str(error).rpartition(_IN_PIPELINE)[2].lstrip("('\"").partition(" ")[0]
    return _REFUSALS_BY_CLASS.get(type(error)) or _REFUSALS_BY_CODE.get(code)


@contextmanager
def translated() -> Iterator[None]:
    """Turn temporary failures in the block into `StoreUnavailable`.

    Such a failure is a lost connection, or a server that cannot write for now. Any other Redis error is a bug in
    the farm and passes unchanged.
    """
    try:
        yield
    except (MasterNotFoundError, AsyncMasterNotFoundError) as error:
        raise StoreUnavailable("The sentinels know of no primary that answers") from error
    except _PASSING as error:
        raise StoreUnavailable(f"Redis does not answer: {error}") from error
    except RuntimeError as error:
        if _HANDLER_CLOSED not in str(error):
            raise
        raise StoreUnavailable("The connection to Redis was reset: try again") from error
    except ResponseError as error:
        refusal = _refusal(error)
        if refusal is None:
            raise
        raise StoreUnavailable(f"{refusal}: try again") from error
