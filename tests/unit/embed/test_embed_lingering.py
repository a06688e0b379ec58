"""An embed process that waits on its list after a token."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from farm.celery_app import EMBED_QUEUE, Tokens
from farm.store.connection import connect_async
from farm.store.retrievals import Retrieval, Retrievals
from farm.store.room_queues import Room
from tests.support.embed_bench import TTL_MS, Bench, query
from tests.support.running import await_true
from workers.embed.cache import VectorCache
from workers.embed.embedder import make_embedder
from workers.embed.server import EmbedServer
from workers.metric_counts import Metrics
from workers.room_server import Post


@pytest.fixture
def lingering(bench: Bench) -> Iterator[list[Future[str]]]:
    """Two processes' worth of runners that linger on the room's list until the test ends."""
    bench.linger_s = 60
    runners = [bench.make(lambda: make_embedder(bench.settings)) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        at_work = [pool.submit(runner.work) for runner in runners]
        await_true(lambda: bench.client.exists("farm:called:embed"), "somebody lingers")
        yield at_work
        bench.is_stopping = True
    for runner in runners:
        runner.close()


async def test_who_lingers_needs_no_token_and_serves_each_query_once(
    bench: Bench, lingering: list[Future[str]]
) -> None:
    found: dict[str, Any] = {}
    for wave in range(10):
        goals = [f"⊢ {wave} {each}" for each in range(20)]
        assert not any(await bench.ask(*map(query, goals)))
        while not found.keys() >= set(goals):
            more = bench.handed_on()
            assert found.keys().isdisjoint(more), "a query was served twice"
            found |= more
            await asyncio.sleep(0)

    assert len(found) == 200
    assert bench.tokens(EMBED_QUEUE) == 0


async def test_who_lingers_ends_soon_when_told_to(bench: Bench, lingering: list[Future[str]]) -> None:
    bench.is_stopping = True
    assert [done.result(timeout=1) for done in lingering] == ["0 queries, 0 texts"] * 2

    assert await bench.ask(query()) == [True], "nobody lingers any more"
    assert bench.tokens(EMBED_QUEUE) == 0


class _Gap(Room):
    """A room in which a query comes at the worst moment: after the last look, before the door opens."""

    late: list[Retrieval]

    def open(self) -> None:
        while self.late:
            asyncio.run(self._slip_in(self.late.pop()))
        super().open()

    async def _slip_in(self, retrieval: Retrieval) -> None:
        client = connect_async(self.url)
        assert not await Retrievals(client).submit(retrieval, TTL_MS), "while a process lingers no token is sent"
        await client.aclose()

    url: str


def test_a_query_that_comes_as_the_process_leaves_is_not_missed(bench: Bench) -> None:
    room = _Gap(bench.client, "embed")
    room.url, room.late = bench.settings.redis_url, [query("⊢ late")]
    runner = EmbedServer(
        Post(room, Tokens(bench.app), lambda: False, Metrics(), 0.05),
        lambda: make_embedder(bench.settings),
        VectorCache(100),
    )

    assert runner.work() == "1 queries, 1 texts"

    assert set(bench.handed_on()) == {"⊢ late"}
    runner.close()


async def test_when_all_are_busy_for_long_another_process_is_called(bench: Bench) -> None:
    """Only listening keeps tokens away: a process that died, or never comes to listen, holds nobody back for long."""
    bench.client.set("farm:called:embed", 1, px=50)
    assert await bench.ask(query()) == [False]
    await_true(lambda: not bench.client.exists("farm:called:embed"), "the last sign of listening lapses")

    room = Room(bench.client, "embed")
    assert [room.call_if_neglected(), room.call_if_neglected()] == [True, False]
    bench.runner.work()
    assert not room.call_if_neglected(), "nothing waits"
