"""Premise queries in the store."""

from __future__ import annotations

import asyncio
import os
import time
from array import array

from farm.models import NewPremise
from farm.store.codec import Json, pack, unpack
from farm.store.connection import connect_async
from farm.store.retrievals import Retrieval, Retrievals, dump, load
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


def test_a_query_of_the_last_release_takes_no_positions() -> None:
    asked = retrieval(10)
    fields = {name.encode(): value for name, value in dump(asked).items()}
    request = unpack(fields[b"request"])
    del request["takes_positions"]
    assert load(asked.id, fields | {b"request": pack(request)}) == asked


def taken(client: OpenStore, url: str, queries: list[Retrieval]) -> None:
    """Have the worker `w` of the premise room take queries."""
    asyncio.run(send(url, queries))
    Room(client, "embed").pass_on("premises", {each.id: b"\0" * 8 for each in queries})
    assert len(Room(client, "premises", "w").take(64)) == len(queries)


def answers(client: OpenStore) -> dict[str, Json]:
    """Return the answers that the API gets, by query."""
    rows = [row.split(b":", 2) for row in client.lrange("farm:reply:test", 0, -1)]
    return {id_.decode(): unpack(answer) for _, id_, answer in rows}


def test_an_answer_that_is_too_large_is_an_error_for_its_query_only(client: OpenStore, valkey_url: str) -> None:
    queries = [retrieval(10) for _ in range(3)]
    taken(client, valkey_url, queries)
    small: Json = {"results": [[]]}
    large = {"results": [[[0.5, os.urandom(1000).hex()]]]}

    room = Room(client, "premises", "w", most_answer_bytes=1000)
    room.reply_all(zip(queries, (small, large, small), strict=True))

    found = [answers(client)[each.id] for each in queries]
    assert [found[0], found[2]] == [small, small]
    assert "too large" in found[1]["error"]


def test_large_answers_are_not_sent_in_one_command(client: OpenStore, valkey_url: str) -> None:
    queries = [retrieval(10) for _ in range(5)]
    taken(client, valkey_url, queries)
    answer = {"results": [[[0.5, os.urandom(5_000_000).hex()]]]}
    client.config_resetstat()

    Room(client, "premises", "w").reply_all((each, answer) for each in queries)

    assert client.info("commandstats")["cmdstat_evalsha"]["calls"] > 1
    assert answers(client) == {each.id: answer for each in queries}
