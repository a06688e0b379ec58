"""A Redis that is there and cannot write: the farm is unavailable for a while, and nothing is half done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from farm.errors import StoreUnavailable
from farm.models import Proof, WorkerKind, verdict
from farm.store.batches import Batches, Staging, Submission
from farm.store.connection import RedisClient, connect, connect_async
from farm.store.lanes import lane_name
from farm.store.leases import Leases
from farm.store.registry import Registry

REFUSALS = {"maxmemory": ("1", "0", "full"), "min-replicas-to-write": ("1", "0", "too few replicas")}


@pytest.fixture
def client(valkey_url: str) -> Iterator[RedisClient]:
    client = connect(valkey_url)
    client.flushall()
    yield client
    for setting, (_, normal, _) in REFUSALS.items():
        client.config_set(setting, normal)
    client.close()


async def submit(url: str, count: int) -> str:
    client = connect_async(url)
    try:
        batches, staging = Batches(client), Staging()
        await batches.stage(staging, [(lane_name("default", "", "me"), Proof(code=f"proof {i}")) for i in range(count)])
        submission = Submission(owner="me", environment="default", options={"timeout_s": 1.0}, retention_s=100)
        return (await batches.commit(staging, submission)).batch
    finally:
        await client.aclose()


@pytest.mark.parametrize("setting", REFUSALS)
def test_a_server_that_cannot_write_is_unavailable_and_loses_nothing(
    client: RedisClient, valkey_url: str, setting: str
) -> None:
    value, normal, text = REFUSALS[setting]
    leases, registry = Leases(client), Registry(client, WorkerKind.LEAN, "w")
    batch = asyncio.run(submit(valkey_url, 2))
    claim = leases.claim("default", "w")
    assert claim is not None
    first = claim.items[0]
    before = client.hgetall(f"farm:batch:{batch}")

    client.config_set(setting, value)
    with pytest.raises(StoreUnavailable, match=text):
        asyncio.run(submit(valkey_url, 2))
    with pytest.raises(StoreUnavailable, match=text):
        leases.finish(claim.lease, batch, [verdict(first.id, first.index, reason=None)])
    with pytest.raises(StoreUnavailable, match=text):
        registry.beat(lease=claim.lease)
    assert client.hgetall(f"farm:batch:{batch}") == before

    client.config_set(setting, normal)
    assert leases.finish(claim.lease, batch, [verdict(first.id, first.index, reason=None)]).written == 1
