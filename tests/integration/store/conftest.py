"""A store on a Valkey that each test finds empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from farm.store.leases import Leases
from tests.support.open_store import OpenStore, open_store


@pytest.fixture
def client(valkey_url: str) -> Iterator[OpenStore]:
    client = open_store(valkey_url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def leases(client: OpenStore) -> Leases:
    return Leases(client, cache_mb=1)
