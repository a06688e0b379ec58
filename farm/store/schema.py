"""The version of the store's key schema, and the check that this release may work with it.

The number is in `lua/common.lua`, the schema in `keys.md`. Releases whose versions are one apart work side by
side, so that a farm can be upgraded while it runs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import cast

import structlog

from farm.errors import SchemaMismatch, StoreUnavailable
from farm.store.client import AsyncRedisClient, RedisClient
from farm.store.connection import check_server, translated
from farm.store.scripts import AsyncScripts, Scripts

_RETRY_S = 1.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Schema:
    """Two versions of the key schema.

    Attributes:
        store: the version of the state in the store.
        ours: the version of this release.
    """

    store: int
    ours: int

    @property
    def objection(self) -> str:
        """Why this release must not work on the state; empty if it may."""
        if abs(self.store - self.ours) <= 1:
            return ""
        advice = (
            "install a later release here" if self.store > self.ours else "run the releases between first, in order"
        )
        return f"The store's state has version {self.store} and this release version {self.ours}: {advice}"

    def __str__(self) -> str:
        return f"state version {self.store}, this release {self.ours}"


def enter_store(client: RedisClient) -> str:
    """Check that the server and its state suit this release, and record this release's version; called at each start.

    Returns:
        The sentence from `check_server` about the server.

    Raises:
        ConfigurationError: the server could lose data (`check_server`).
        SchemaMismatch: the state belongs to a release too far from this one.
        StoreUnavailable: Redis does not answer.
    """
    server = check_server(client)
    if objection := _compare(client, "enter").objection:
        raise SchemaMismatch(objection)
    return server


def await_store(client: RedisClient) -> str:
    """Wait until the store answers, then do what `enter_store` does.

    Raises:
        ConfigurationError, SchemaMismatch: as from `enter_store`.
    """
    while True:
        try:
            return enter_store(client)
        except StoreUnavailable as error:
            _log.warning("store.awaited", error=error.message)
            time.sleep(_RETRY_S)


def read_schema(client: RedisClient) -> Schema:
    """Return both versions; raises StoreUnavailable when Redis does not answer."""
    return _compare(client, "look")


async def read_schema_async(client: AsyncRedisClient) -> Schema:
    """Return both versions, over the API's client; raises as `read_schema` does."""
    with translated():
        return _read(await AsyncScripts(client).run("schema", "look"))


def _compare(client: RedisClient, why: str) -> Schema:
    with translated():
        return _read(Scripts(client).run("schema", why))


def _read(reply: object) -> Schema:
    return Schema(*cast("tuple[int, int]", reply))
