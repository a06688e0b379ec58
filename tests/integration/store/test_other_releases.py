"""What another release left in the store: each thing costs itself, and the work beside it goes on."""

from __future__ import annotations

import asyncio
import json
import time

import pyarrow.parquet
import pytest

from api.verdict_files import ParquetAnswer
from farm.celery_app import Tokens, celery_app
from farm.errors import Conflict
from farm.models import Reason
from farm.settings import Settings
from farm.store.batches import Batches
from farm.store.codec import mark as marked
from farm.store.codec import pack, unpack
from farm.store.connection import connect_async
from farm.store.corpora import Corpora, SwitchOutcome, Wish
from farm.store.items import undecided
from farm.store.leases import Leases
from farm.store.retrievals import Retrieval, Retrievals
from farm.store.room_queues import Room
from tests.support.open_store import OpenStore
from tests.support.store import assert_settled, cancel, finish, mark, put, state, take
from workers.reaper import Reaper


def test_a_query_that_a_room_cannot_read_does_not_stop_those_beside_it(client: OpenStore, valkey_url: str) -> None:
    queries = [Retrieval(["goal"], 3, None, None, None, [], False, "reply", int(time.time() * 1000)) for _ in range(3)]
    asyncio.run(_submit(valkey_url, queries))
    client.hset(f"farm:retrieval:{queries[1].id}", "request", pack({"goals": ["later"]}))
    room = Room(client, "embed", "w")

    assert [query.id for query, _ in room.take(8)] == [queries[0].id, queries[2].id]
    room.reply_all([(query, {"results": []}) for query in (queries[0], queries[2])])
    assert client.llen("reply") == 2
    client.zadd("farm:leased:embed", {queries[1].id: 1e15})
    assert room.take(8) == []
    assert client.zscore("farm:leased:embed", queries[1].id) == 1e15, "it is left to a worker of the other release"
    room.recover(lambda _: False)
    Room(client, "embed", "another").recover(lambda _: False)


async def _submit(url: str, queries: list[Retrieval]) -> None:
    async with connect_async(url) as client:
        for query in queries:
            await Retrievals(client).submit(query, 30_000)


def test_a_request_for_a_corpus_may_say_more_than_this_release_knows(client: OpenStore) -> None:
    corpora, wish = Corpora(client, "w"), Wish("repo", "", "snapshot")
    corpora.want(wish)
    corpora.conclude(wish, SwitchOutcome(home="home"))
    corpora.choose(wish, "home")
    for key in ("farm:corpus:wanted", "farm:corpus:chosen"):
        for name, stored in client.hgetall(key).items():
            if stored[:1] == b"{":
                client.hset(key, name, json.dumps({**json.loads(stored), "model": "later"}))

    assert corpora.wanted() == wish == corpora.chosen("home")
    assert corpora.outcome(wish) == SwitchOutcome(home="home")
    client.hset("farm:corpus:chosen", "wish", '{"source": "later"}')
    assert corpora.chosen("home") is None


def test_the_reaper_ends_a_task_that_it_cannot_read(valkey_url: str, client: OpenStore, leases: Leases) -> None:
    strange, plain = put(valkey_url, 2), put(valkey_url, 2)
    client.hset(f"farm:batch:{strange}:items", "1", marked(pack({"requests": "later"}), ""))
    for batch in (strange, plain):
        cancel(valkey_url, batch)
    tokens = Tokens(celery_app(Settings(redis_url=valkey_url, _env_file=None)))
    Reaper(client, leases, [], tokens, 100).pass_over()

    for batch in (strange, plain):
        assert state(client, batch)["undecided"] == "2"
    assert_settled(client, plain, 2)


def test_a_kept_verdict_that_cannot_be_read_costs_a_run(valkey_url: str, client: OpenStore, leases: Leases) -> None:
    put(valkey_url, 1, marks=[mark("same")])
    finish(leases, take(leases))
    [key] = client.keys("farm:verdict:*")
    head, stored = client.get(key)[:17], client.get(key)[17:]
    client.set(key, head + pack({**unpack(stored), "level": "proved twice"}))

    put(valkey_url, 1, marks=[mark("same")])
    [item] = take(leases).items
    assert item.known is None


async def test_an_item_is_shown_as_it_was_stored(valkey_url: str, client: OpenStore, leases: Leases) -> None:
    batch = await asyncio.to_thread(put, valkey_url, 1)
    finish(leases, take(leases), Reason.ERROR)
    key = f"farm:batch:{batch}:results"
    client.hset(key, "0", pack({**unpack(client.hget(key, "0")), "reason": "later"}))

    async with connect_async(valkey_url) as api:
        shown = await Batches(api).item(batch, "me", 0)
    assert json.loads(shown)["verdict"]["reason"] == "later"
    proof = json.loads(shown)["proof"]
    assert (proof["code"], proof["id"]) == ("proof 0", None)


async def test_a_verdict_that_cannot_be_read_is_left_out_of_a_parquet_file(
    valkey_url: str, client: OpenStore, leases: Leases
) -> None:
    batch = await asyncio.to_thread(put, valkey_url, 3)
    for _ in range(3):
        finish(leases, take(leases, most=1))
    key = f"farm:batch:{batch}:results"
    client.hset(key, "1", pack({**unpack(client.hget(key, "1")), "outcome": "later"}))

    async with connect_async(valkey_url) as api:
        answer = ParquetAnswer(await Batches(api).status(batch, "me"))
        whole = b"".join([part async for part in answer.parts(Batches(api), "me")])
    assert pyarrow.parquet.read_table(pyarrow.BufferReader(whole)).column("index").to_pylist() == [0, 2]


async def test_a_proof_that_cannot_be_read_refuses_a_rerun(valkey_url: str, client: OpenStore, leases: Leases) -> None:
    batch = await asyncio.to_thread(put, valkey_url, 1)
    finish(leases, take(leases), Reason.TIMEOUT)
    key = f"farm:batch:{batch}:items"
    client.hset(key, "0", marked(pack({"code": "by rfl", "later": 1}), ""))

    async with connect_async(valkey_url) as api:
        with pytest.raises(Conflict, match="proof 0"):
            [_ async for _ in undecided(api, batch, 1)]
