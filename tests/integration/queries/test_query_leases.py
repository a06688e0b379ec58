"""Premise queries are leased: if a worker does not answer one, another worker does; the client gets one answer."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from farm.store.constants import QUERY_LEASE_MS
from farm.store.retrievals import Retrieval, Retrievals
from farm.store.room_queues import Room, Taken
from tests.support.open_store import AsyncOpenStore, OpenStore, open_store
from tests.support.running import await_true

TTL_MS = 30_000
REPLIES = "farm:reply:leases"
ERROR = {"error": "no"}
FOUND: dict[str, Any] = {"results": [[]]}


def query() -> Retrieval:
    return Retrieval(["⊢ goal"], 3, None, None, None, [], False, REPLIES, int(time.time() * 1000) + TTL_MS)


async def submitted(api: AsyncOpenStore) -> Retrieval:
    asked = query()
    await Retrievals(api).submit(asked, TTL_MS)
    return asked


def ids(taken: Taken) -> list[str]:
    return [retrieval.id for retrieval, _ in taken]


def lapse(client: OpenStore, room: str, asked: Retrieval) -> None:
    """Have a lease run out now."""
    assert client.zadd(f"farm:leased:{room}", {asked.id: 1}, xx=True, ch=True) == 1


def answers(client: OpenStore) -> list[bytes]:
    found: list[bytes] = client.lrange(REPLIES, 0, -1)
    return found


@pytest.mark.parametrize("name", ["embed", "premises"])
async def test_what_lapsed_is_the_next_ones_and_comes_first(client: OpenStore, api: AsyncOpenStore, name: str) -> None:
    first, second = await submitted(api), await submitted(api)
    if name == "premises":
        Room(client, "embed").take(2)
        Room(client, "embed").pass_on("premises", {first.id: b"v", second.id: b"v"})
    silent, other = Room(client, name, "silent"), Room(client, name, "other")
    assert ids(silent.take(1)) == [first.id]
    assert ids(other.take(1)) == [second.id], "a query is one worker's at a time"

    lapse(client, name, first)

    assert ids(other.take_more(1, 0.1)) == [], "no bell rings for it"
    client.delete(f"farm:called:{name}")
    assert other.call_if_neglected(), "but whoever looks after it calls for somebody"
    assert ids(other.take_more(2, 1)) == [first.id]


async def test_a_lease_is_kept_by_signs_of_life_of_who_knows_of_it(client: OpenStore, api: AsyncOpenStore) -> None:
    asked, room = await submitted(api), Room(client, "embed", "slow")
    room.take(1)
    lapse(client, "embed", asked)

    room.renew()

    seconds, micros = client.time()
    left_ms = client.zscore("farm:leased:embed", asked.id) - (seconds * 1000 + micros // 1000)
    assert 0 < left_ms <= QUERY_LEASE_MS
    assert Room(client, "embed", "other").take(1) == []


async def test_a_query_whose_bringing_was_lost_is_not_kept_from_others(client: OpenStore, api: AsyncOpenStore) -> None:
    """The script ran, and its answer went into a connection that is silent: the worker lives, and knows of nothing."""
    asked = await submitted(api)
    Room(client, "embed", "deaf").take(1)

    deaf = Room(client, "embed", "deaf")
    deaf.renew()
    lapse(client, "embed", asked)
    deaf.renew()
    assert ids(Room(client, "embed", "other").take(1)) == [asked.id]


async def test_a_worker_that_asks_again_has_what_it_did_not_hear_of(client: OpenStore, api: AsyncOpenStore) -> None:
    first, second = await submitted(api), await submitted(api)
    room = Room(client, "embed", "deaf")
    room.take(1)

    assert ids(room.take(1)) == [first.id], "its hands are empty, so it never heard"
    assert ids(room.take_more(1, 1)) == [second.id], "its hands are not empty"
    assert sorted(ids(room.take(9))) == sorted([first.id, second.id])


async def test_the_first_answer_counts_whoever_gives_it(client: OpenStore, api: AsyncOpenStore) -> None:
    asked = await submitted(api)
    slow, other = Room(client, "embed", "slow"), Room(client, "embed", "other")
    slow.take(1)
    lapse(client, "embed", asked)
    [(again, _)] = other.take(1)

    slow.reply(asked, ERROR)
    assert answers(client) == [], "what went wrong while it stood still is nobody's business"
    slow.reply(asked, FOUND)
    other.reply(again, FOUND)
    other.reply(again, ERROR)

    assert len(answers(client)) == 1
    assert not [key for kind in ("retrieval:*", "waiting:*", "leased:*", "load") for key in client.keys(f"farm:{kind}")]


async def test_what_was_passed_on_late_is_passed_on_once(client: OpenStore, api: AsyncOpenStore) -> None:
    asked = await submitted(api)
    slow, other = Room(client, "embed", "slow"), Room(client, "embed", "other")
    slow.take(1)
    lapse(client, "embed", asked)
    other.take(1)

    assert slow.pass_on("premises", {asked.id: b"v"})
    other.pass_on("premises", {asked.id: b"w"})

    assert [(r.id, v) for r, v in Room(client, "premises").take(9)] == [(asked.id, b"v")]
    assert client.hget("farm:load", "inputs") == b"0"
    assert Room(client, "embed", "third").take(9) == []


async def test_a_submit_that_is_sent_again_counts_once(client: OpenStore, api: AsyncOpenStore) -> None:
    asked = await submitted(api)
    before = client.hgetall("farm:load")

    await Retrievals(api).submit(asked, TTL_MS)

    assert client.hgetall("farm:load") == before
    assert ids(Room(client, "embed").take(9)) == [asked.id]


async def test_what_is_given_up_or_over_is_taken_by_nobody(client: OpenStore, api: AsyncOpenStore) -> None:
    given_up = await submitted(api)
    Room(client, "embed", "dead").take(1)
    await Retrievals(api).give_up(given_up)
    over = await submitted(api)
    Room(client, "embed", "dead").take(1)
    client.delete(f"farm:retrieval:{over.id}")  # as its time to live does
    lapse(client, "embed", over)

    assert Room(client, "embed", "other").take(9) == []
    assert client.zcard("farm:leased:embed") == 0


async def test_a_bell_that_rings_for_the_dead_takes_nothing(
    client: OpenStore, api: AsyncOpenStore, valkey_url: str
) -> None:
    """A client that blocks and is gone before it claims, whatever ends it, leaves the query where it was."""
    blocked = open_store(valkey_url)
    with ThreadPoolExecutor(1) as pool:
        ringing = pool.submit(blocked.blmove, "farm:waiting:embed", "farm:waiting:embed", 10, "LEFT", "LEFT")
        await_true(lambda: any(each["cmd"] == "blmove" for each in client.client_list()), "it waits")
        asked = await submitted(api)
        assert ringing.result(10) == asked.id.encode()
    blocked.close()

    assert ids(Room(client, "embed", "other").take(9)) == [asked.id]
