"""The memory of premise queries in Redis: bounded, counted exactly, and freed however a query ends."""

from __future__ import annotations

import time
from typing import Any

import pytest

from farm.errors import RateLimited
from farm.models import NewPremise
from farm.store.retrievals import Retrieval, Retrievals, dump
from farm.store.room_queues import Room
from tests.support.open_store import AsyncOpenStore, OpenStore
from tests.support.running import await_true

TTL_MS = 30_000


def query(*decls: str) -> Retrieval:
    new = [NewPremise(name=f"p{at}", decl=decl) for at, decl in enumerate(decls)]
    deadline_ms = int(time.time() * 1000) + TTL_MS
    return Retrieval(["⊢ goal"], 3, [1, 2, 3], None, None, new, False, "farm:reply:test", deadline_ms)


def size(retrieval: Retrieval) -> int:
    return sum(map(len, dump(retrieval).values()))


def load(client: OpenStore) -> dict[str, int]:
    found: dict[bytes, Any] = client.hgetall("farm:load")
    return {unit: int(found.get(unit.encode(), 0)) for unit in ("bytes", "inputs")}


def assert_nothing_left(client: OpenStore) -> None:
    assert set(client.keys("*")) <= {b"farm:called:embed", b"farm:called:premises", b"farm:reply:test"}


async def test_what_is_held_is_counted_from_submit_to_answer(client: OpenStore, api: AsyncOpenStore) -> None:
    first, second = query("a", "b"), query()
    retrievals = Retrievals(api)
    await retrievals.submit(first, TTL_MS)
    await retrievals.submit(second, TTL_MS)
    assert load(client) == {"bytes": size(first) + size(second), "inputs": 4}

    room = Room(client, "embed")
    room.take(2)
    room.pass_on("premises", {first.id: b"v" * 12})
    assert load(client) == {"bytes": size(first) + size(second) + 12, "inputs": 1}, "what is embedded is no input"

    room.reply_all([(first, {"results": [[]]}), (second, {"error": "no"})])
    room.reply(second, {"error": "once more"})
    assert client.llen("farm:reply:test") == 2, "a query is answered once"
    client.delete("farm:waiting:premises")
    assert_nothing_left(client)


async def test_over_the_bytes_a_query_is_refused_and_leaves_nothing(client: OpenStore, api: AsyncOpenStore) -> None:
    held = query("x" * 100)
    retrievals = Retrievals(api, most_bytes=2 * size(held))
    await retrievals.submit(held, TTL_MS)
    await retrievals.submit(query("x" * 100), TTL_MS)
    before = load(client)

    with pytest.raises(RateLimited, match="bytes"):
        await retrievals.submit(query(), TTL_MS)

    assert load(client) == before
    assert len(client.keys("farm:retrieval:*")) == client.llen("farm:waiting:embed") == 2
    await retrievals.give_up(held)
    await retrievals.submit(query(), TTL_MS)


async def test_over_the_inputs_a_query_is_refused_unless_it_is_alone(client: OpenStore, api: AsyncOpenStore) -> None:
    retrievals = Retrievals(api, most_inputs=3)
    large = query(*"abcdef")
    await retrievals.submit(large, TTL_MS)
    with pytest.raises(RateLimited, match="EMBED_SERVICE_MAX_CONCURRENT_INPUTS"):
        await retrievals.submit(query(), TTL_MS)

    Room(client, "embed").pass_on("premises", {large.id: b""})
    for _ in range(3):
        await retrievals.submit(query(), TTL_MS)
    with pytest.raises(RateLimited):
        await retrievals.submit(query(), TTL_MS)
    assert load(client)["inputs"] == 3


async def test_who_gives_up_leaves_nothing_wherever_the_query_is(client: OpenStore, api: AsyncOpenStore) -> None:
    retrievals, room = Retrievals(api), Room(client, "embed")
    waiting, embedding, embedded, answered = queries = [query(), query(), query(), query()]
    for each in (embedding, embedded, answered, waiting):
        await retrievals.submit(each, TTL_MS)
    room.take(3)
    room.pass_on("premises", {embedded.id: b"v", answered.id: b"v"})
    room.reply(answered, {"results": [[]]})

    for each in [*queries, query()]:
        await retrievals.give_up(each)

    assert room.take(1) == []
    assert not room.pass_on("premises", {embedding.id: b"v"}), "it must not come back with its vectors alone"
    room.reply(embedding, {"results": [[]]})
    assert Room(client, "premises").take(9) == []
    assert client.llen("farm:reply:test") == 1
    assert_nothing_left(client)


async def test_what_an_api_process_left_when_it_died_expires_exactly(client: OpenStore, api: AsyncOpenStore) -> None:
    retrievals = Retrievals(api)
    for _ in range(5):
        await retrievals.submit(query("a"), 30)
    await_true(lambda: not client.keys("farm:retrieval:*"), "the queries expire")

    live = query()
    await retrievals.submit(live, TTL_MS)

    assert load(client) == {"bytes": size(live), "inputs": 1}
    assert client.llen("farm:waiting:embed") == 1
    await retrievals.give_up(live)
    assert_nothing_left(client)


def answers(client: OpenStore) -> list[bytes]:
    return [blob.split(b":", 2)[2] for blob in client.lrange("farm:reply:test", 0, -1)]


async def test_what_a_dead_worker_had_waits_again_and_a_second_time_is_an_error(
    client: OpenStore, api: AsyncOpenStore
) -> None:
    retrievals, asked = Retrievals(api), [query() for _ in range(4)]
    for each in asked:
        await retrievals.submit(each, TTL_MS)
    answered, passed_on, first, second = asked
    dead, successor = Room(client, "embed", "dead"), Room(client, "embed", "successor")
    dead.take(4)
    dead.reply(answered, {"results": [[]]})
    dead.pass_on("premises", {passed_on.id: b"v"})

    successor.recover(lambda worker: worker == "dead")
    assert successor.take(9) == [], "it is alive"
    successor.recover(lambda worker: worker != "dead")
    assert {retrieval.id for retrieval, _ in successor.take(9)} == {first.id, second.id}
    successor.pass_on("premises", {first.id: b"v"})

    Room(client, "embed").recover(lambda worker: False)
    assert Room(client, "embed").take(9) == []
    assert b"Two workers died" in answers(client)[-1]
    assert client.llen("farm:reply:test") == 2
    assert client.hlen("farm:taken:embed") == 0
    assert load(client)["bytes"] == size(passed_on) + size(first) + 2, "the others are out of the books"

    # What the premise room had is its own: it comes back with its vectors.
    Room(client, "premises", "dead").take(9)
    Room(client, "premises").recover(lambda worker: False)
    assert {(r.id, v) for r, v in Room(client, "premises").take(9)} == {(passed_on.id, b"v"), (first.id, b"v")}
