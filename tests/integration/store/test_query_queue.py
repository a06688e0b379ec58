"""Premise queries in the store."""

from __future__ import annotations

import asyncio
import time
from array import array

from farm.models import NewPremise
from farm.store.connection import connect_async
from farm.store.retrievals import Retrieval, Retrievals
from farm.store.room_queues import Room
from tests.support.open_store import OpenStore
from tests.support.running import await_true


def retrieval(deadline_s: float) -> Retrieval:
    new = [NewPremise(name="a", decl="b")]
    deadline_ms = int((time.time() + deadline_s) * 1000)
    return Retrieval(["goal"], 3, [1, "A.B"], None, array("i", [7, 8]), new, True, "farm:reply:test", deadline_ms)


async def send(url: str, retrievals: list[Retrieval], brief: int = 0) -> None:
    """Submit queries; nobody waits for long for the first of them."""
    client = connect_async(url)
    for at, each in enumerate(retrievals):
        await Retrievals(client).submit(each, 200 if at < brief else 30_000)
    await client.aclose()


def test_queries_keep_their_fields_and_expired_ones_do_not_hide_live_ones(client: OpenStore, valkey_url: str) -> None:
    live = retrieval(10)
    asyncio.run(send(valkey_url, [*(retrieval(10) for _ in range(5)), live], brief=5))
    await_true(lambda: len(client.keys("farm:retrieval:*")) == 1, "the others expire")
    room = Room(client, "embed")

    assert room.take(2) == [(live, b"")]
    assert room.take(2) == []


def test_a_query_that_expired_on_its_way_is_left_out(client: OpenStore, valkey_url: str) -> None:
    gone, live = retrieval(10), retrieval(10)
    asyncio.run(send(valkey_url, [gone, live]))
    Room(client, "embed").take(2)
    client.delete(f"farm:retrieval:{gone.id}")

    Room(client, "embed").pass_on("premises", {gone.id: b"\0" * 4, live.id: b"\1" * 4})

    assert Room(client, "premises").take(2) == [(live, b"\1" * 4)]
