"""A committed batch is not freed as a staging, and an idempotency key lives as long as its batch."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from farm.errors import Conflict
from farm.models import Proof
from farm.store.batches import Batches
from farm.store.connection import connect_async
from farm.store.lanes import lane_name
from farm.store.leases import Leases
from farm.store.scripts import Scripts
from farm.store.staging import NewBatch, StagedItem, Staging
from tests.support.open_store import OpenStore
from tests.support.store import ENV, assert_settled, finish, put, take

KEY: Any = {"idempotency_key": "k", "body_hash": "h"}


def run_all(leases: Leases) -> None:
    while claim := leases.claim(ENV, "w", most=1):
        finish(leases, claim)


def test_a_batch_committed_after_its_staging_was_found_due_is_not_freed(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    async def commit_when_due() -> str:
        async with connect_async(valkey_url) as api:
            batches, staging = Batches(api), Staging("me")
            await batches.stage(staging, [StagedItem(lane_name(ENV, "", "me"), Proof(code=f"{i}")) for i in range(5)])
            client.zadd("farm:expiries", {staging.batch: 1})
            return (await batches.commit(staging, NewBatch(ENV, {"priority": 5}, 100))).batch

    batch = asyncio.run(commit_when_due())

    assert Scripts(client).count("expire", batch, "due") == 0, "what a reaper sends that has read the list before"

    run_all(leases)
    assert_settled(client, batch, 5)


def test_an_idempotency_key_lives_as_long_as_its_batch(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    batch = put(valkey_url, 3, **KEY)
    key = "farm:idempotency:me:k"
    assert client.ttl(key) == client.ttl(f"farm:batch:{batch}") == -1, "the batch may take longer than its retention"
    finish(leases, take(leases, most=1))
    assert put(valkey_url, 3, **KEY) == batch

    run_all(leases)

    assert client.ttl(key) == pytest.approx(client.ttl(f"farm:batch:{batch}"), abs=2)
    assert put(valkey_url, 3, **KEY) == batch
    with pytest.raises(Conflict):
        put(valkey_url, 3, idempotency_key="k", body_hash="other")
    client.zadd("farm:expiries", {batch: 1})
    assert leases.expire_due() == 1
    assert not client.exists(key)
    assert put(valkey_url, 3, **KEY) != batch


def test_a_key_whose_batch_an_older_release_has_freed_is_free(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    batch = put(valkey_url, 1, **KEY)
    run_all(leases)
    client.hdel(f"farm:batch:{batch}", "idempotency_key")
    client.zadd("farm:expiries", {batch: 1})
    assert leases.expire_due() == 1
    assert client.exists("farm:idempotency:me:k")

    again = put(valkey_url, 1, **KEY)

    assert again != batch
    assert client.ttl("farm:idempotency:me:k") == -1


def test_a_repeated_submission_leaves_the_key_to_its_batch(client: OpenStore, valkey_url: str) -> None:
    batch = put(valkey_url, 3, **KEY)

    put(valkey_url, 3, **KEY)

    assert client.hget("farm:idempotency:me:k", "batch") == batch.encode()
