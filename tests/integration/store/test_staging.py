"""Staging: the store takes large items a few at a time, so that neither it nor the API holds others up."""

from __future__ import annotations

import asyncio
import secrets

from farm.models import Proof
from farm.store.batches import Batches
from farm.store.connection import connect_async
from farm.store.staging import StagedItem, Staging
from tests.support.open_store import OpenStore


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
