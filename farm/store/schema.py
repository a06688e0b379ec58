"""The version of the store's key schema, and the check that this release may work with the state in the store.

The version is in `lua/common.lua`, and the schema in `keys.md`. Releases whose versions differ by at most one can work
on the same store, so a farm can be upgraded while it runs.
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
        store: the schema version of the state in the store.
        ours: the schema version of this release.
    """

    store: int
    ours: int

    @property
    def objection(self) -> str:
        """Why this release must not work on the state; empty if it may."""
        if abs(self.store - self.ours) <= 1:
            return ""
        advice = (
            "install a later release here" if self.store > self.ours else "first run the releases between, in order"
        )
        return f"The store's state has version {self.store} and this release version {self.ours}: {advice}"

    def __str__(self) -> str:
        return f"state version {self.store}, this release {self.ours}"


def enter_store(client: RedisClient) -> str:
    """Check that the server and its state suit this release, and record the release's schema version.

    A process calls this at its start.

    Returns:
        The server's name and version, from `check_server`.

    Raises:
        ConfigurationError: the server does not suit the farm; see `check_server`.
        SchemaMismatch: the schema version of the state differs from this release's version by more than one.
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
    """Return both schema versions.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    return _compare(client, "look")


async def read_schema_async(client: AsyncRedisClient) -> Schema:
    """Return both schema versions, over the API's client. Raises the same errors as `read_schema`."""
    with translated():
        return _read(await AsyncScripts(client).run("schema", "look"))


def _compare(client: RedisClient, why: str) -> Schema:
    with translated():
        return _read(Scripts(client).run("schema", why))


def _read(reply: object) -> Schema:
    return Schema(*cast("tuple[int, int]", reply))
