"""A store on a Valkey that each test finds empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from farm.store.connection import RedisClient, connect
from farm.store.leases import Leases


@pytest.fixture
def client(valkey_url: str) -> Iterator[RedisClient]:
    client = connect(valkey_url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def leases(client: RedisClient) -> Leases:
    return Leases(client, cache_mb=1)
