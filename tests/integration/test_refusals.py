"""A Redis that answers and cannot write: the farm is unavailable for a while, and nothing is half done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from redis.exceptions import RedisError, ResponseError

from farm.errors import RateLimited, StoreUnavailable
from farm.models import Proof, WorkerKind, verdict
from farm.store.batches import Batches
from farm.store.connection import connect_async, translated
from farm.store.lanes import lane_name
from farm.store.leases import Leases
from farm.store.registry import Registry
from farm.store.staging import NewBatch, StagedItem, Staging
from tests.support.open_store import OpenStore, open_store

NORMAL = {"maxmemory": "0", "min-replicas-to-write": "0", "busy-reply-threshold": "5000"}


@pytest.fixture
def client(valkey_url: str) -> Iterator[OpenStore]:
    client = open_store(valkey_url)
    client.flushall()
    yield client
    for setting, normal in NORMAL.items():
        client.config_set(setting, normal)
    client.close()


async def submit(url: str, count: int) -> str:
    client = connect_async(url)
    try:
        batches, staging = Batches(client), Staging("me")
        lane = lane_name("default", "", "me")
        await batches.stage(staging, [StagedItem(lane, Proof(code=f"proof {i}")) for i in range(count)])
        submission = NewBatch(environment="default", options={"timeout_s": 1.0}, retention_s=100)
        return (await batches.commit(staging, submission)).batch
    finally:
        await client.aclose()


def test_a_server_that_cannot_write_is_unavailable_and_loses_nothing(client: OpenStore, valkey_url: str) -> None:
    leases, registry = Leases(client), Registry(client, WorkerKind.LEAN, "w")
    batch = asyncio.run(submit(valkey_url, 2))
    claim = leases.claim("default", "w")
    assert claim is not None
    first = claim.items[0]
    before = client.hgetall(f"farm:batch:{batch}")

    client.config_set("min-replicas-to-write", "1")
    with pytest.raises(StoreUnavailable, match="too few replicas"):
        asyncio.run(submit(valkey_url, 2))
    with pytest.raises(StoreUnavailable, match="too few replicas"):
        leases.finish(claim.lease, batch, [verdict(first.id, first.index, reason=None)])
    with pytest.raises(StoreUnavailable, match="too few replicas"):
        registry.beat(lease=claim.lease)
    assert client.hgetall(f"farm:batch:{batch}") == before

    client.config_set("min-replicas-to-write", "0")
    assert leases.finish(claim.lease, batch, [verdict(first.id, first.index, reason=None)]).written == 1


def test_a_full_server_takes_nothing_new_and_finishes_what_it_has(client: OpenStore, valkey_url: str) -> None:
    leases, registry = Leases(client), Registry(client, WorkerKind.LEAN, "w")
    batch = asyncio.run(submit(valkey_url, 1))

    client.config_set("maxmemory", "1")
    with pytest.raises(RateLimited):
        asyncio.run(submit(valkey_url, 2))
    with pytest.raises(StoreUnavailable, match="full"), translated():
        client.set("anything", 1)
    claim = leases.claim("default", "w")
    assert claim is not None
    assert registry.beat(lease=claim.lease).lease_alive
    first = claim.items[0]
    assert leases.finish(claim.lease, batch, [verdict(first.id, first.index, reason=None)]).written == 1


def test_a_server_that_took_over_between_a_script_and_its_call_is_asked_again(client: OpenStore) -> None:
    with pytest.raises(StoreUnavailable, match="taken over"), translated():
        client.evalsha("0" * 40, 0)


def test_a_server_that_a_long_script_keeps_busy_is_unavailable_and_loses_nothing(
    client: OpenStore, valkey_url: str
) -> None:
    def keep_busy() -> None:
        with open_store(valkey_url) as other, suppress(RedisError):
            other.eval("while true do end", 0)

    def ping_on() -> None:
        while True:
            client.ping()

    leases, registry = Leases(client), Registry(client, WorkerKind.LEAN, "w")
    batch = asyncio.run(submit(valkey_url, 1))
    claim = leases.claim("default", "w")
    assert claim is not None
    found = [verdict(claim.items[0].id, 0, reason=None)]

    client.config_set("busy-reply-threshold", "1")
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(keep_busy)
        try:
            with pytest.raises(ResponseError, match="BUSY"):
                ping_on()
            with pytest.raises(StoreUnavailable, match="busy"):
                registry.beat(lease=claim.lease)
            with pytest.raises(StoreUnavailable, match="busy"):
                leases.finish(claim.lease, batch, found)
            with pytest.raises(StoreUnavailable, match="busy"):
                registry.leave()
            with pytest.raises(StoreUnavailable, match="busy"):
                asyncio.run(submit(valkey_url, 1))
        finally:
            client.script_kill()
        running.result()

    assert registry.beat(lease=claim.lease).lease_alive
    assert leases.finish(claim.lease, batch, found).written == 1
