"""Staging: the store takes large items a few at a time, so that neither it nor the API holds others up."""

from __future__ import annotations

import asyncio
import secrets

import pytest

from farm.errors import StoreUnavailable
from farm.models import Proof
from farm.store.batches import Batches
from farm.store.connection import connect_async
from farm.store.lanes import lane_name
from farm.store.staging import NewBatch, StagedItem, Staging
from tests.support.open_store import OpenStore
from tests.support.store import ENV


def test_large_items_are_staged_a_few_at_a_time(valkey_url: str, client: OpenStore) -> None:
    def calls() -> int:
        return int(client.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"])

    async def stage() -> None:
        # Random text, because items are compressed.
        entries = [StagedItem("lane", Proof(code=secrets.token_hex(450_000))) for _ in range(40)]
        async with connect_async(valkey_url) as found:
            batches, staging = Batches(found), Staging("me")
            await batches.stage(staging, entries)
            assert staging.total == 40
            await batches.discard(staging)

    before = calls()
    asyncio.run(stage())

    assert calls() - before >= 5


def test_what_came_first_in_a_long_upload_is_there_at_its_end(valkey_url: str, client: OpenStore) -> None:
    lanes = [lane_name(ENV, header, "me") for header in ("import A", "import B")]

    async def stage() -> Staging:
        async with connect_async(valkey_url) as found:
            staging = Staging("me")
            await Batches(found).stage(staging, [StagedItem(lane, Proof(code="proof")) for lane in lanes])
            return staging

    staging = asyncio.run(stage())

    longest_s = (1 << 30) / (64 << 10)  # the longest NDJSON, sent as slowly as the API allows
    assert all(client.ttl(f"farm:pending:{lane}:{staging.batch}") > longest_s + 3600 for lane in lanes)


def test_a_submission_of_which_a_list_has_expired_becomes_no_batch(valkey_url: str, client: OpenStore) -> None:
    lanes = [lane_name(ENV, header, "me") for header in ("import A", "import B")]

    async def submit() -> None:
        async with connect_async(valkey_url) as found:
            batches, staging = Batches(found), Staging("me")
            await batches.stage(staging, [StagedItem(lane, Proof(code="proof")) for lane in lanes])
            client.delete(f"farm:pending:{lanes[0]}:{staging.batch}")
            await batches.commit(staging, NewBatch(ENV, {"timeout_s": 1.0}, 100))

    with pytest.raises(StoreUnavailable, match="lost a part"):
        asyncio.run(submit())

    assert not client.keys("farm:batch:*")
    assert not client.exists("farm:usage", "farm:batches", f"farm:owners:{ENV}:batch")
