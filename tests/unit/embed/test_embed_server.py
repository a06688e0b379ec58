"""What a token makes the embed process do, over a real Valkey and a stand-in for TEI."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any

import numpy as np
import pytest

from farm.errors import ConfigurationError
from farm.models import NewPremise
from farm.queues import EMBED_QUEUE, PREMISES_QUEUE, Tokens, celery_app
from farm.settings import Settings
from farm.store.codec import unpack
from farm.store.connection import connect_async
from farm.store.retrievals import Retrieval, Retrievals
from farm.store.room_queues import Room
from tests.support.open_store import OpenStore
from tests.support.running import await_true
from tests.support.tei import CLOSE, HOLD, NAN, Tei, vector
from workers.embed.cache import VectorCache
from workers.embed.embedder import Embedder, make_embedder
from workers.embed.server import EmbedServer
from workers.metrics import Metrics
from workers.room_server import Post

TTL_MS = 30_000


@pytest.fixture
def tei() -> Iterator[Tei]:
    with Tei() as server:
        yield server


class Bench:
    """A runner and both ends of its queue."""

    def __init__(self, client: OpenStore, redis_url: str, tei: Tei, timeout_s: float) -> None:
        self.client = client
        self.settings = Settings(
            redis_url=redis_url, embed_service_url=tei.url, embed_service_timeout=timeout_s, _env_file=None
        )
        self.app = celery_app(self.settings)
        self.is_stopping = False
        self.linger_s = 0.0
        self.premises = Room(client, "premises")
        self.runner = self.make(lambda: make_embedder(self.settings))

    def make(self, build: Callable[[], Embedder]) -> EmbedServer:
        post = Post(Room(self.client, "embed"), Tokens(self.app), lambda: self.is_stopping, Metrics(), self.linger_s)
        return EmbedServer(post, build, VectorCache(100))

    async def ask(self, *queries: Retrieval) -> list[bool]:
        client = connect_async(self.settings.redis_url)
        try:
            return [await Retrievals(client).submit(query, TTL_MS) for query in queries]
        finally:
            await client.aclose()

    def handed_on(self) -> dict[str, Any]:
        """Return the vectors that the premise room gets, float32 [texts, d], by goal."""
        taken = self.premises.take(1000)
        return {q.states[0]: np.frombuffer(blob, np.float32).reshape(len(q.texts), -1) for q, blob in taken}

    def answers(self) -> dict[str, Any]:
        """Return what was replied, by query."""
        found = {}
        while blob := self.client.lpop("reply"):
            _, id_, answer = blob.split(b":", 2)
            found[id_.decode()] = unpack(answer)
        return found

    def tokens(self, queue: str) -> int:
        return int(self.client.llen(queue))

    def close(self) -> None:
        self.runner.close()
        self.app.close()


@pytest.fixture
def bench(client: OpenStore, redis_url: str, tei: Tei) -> Iterator[Bench]:
    made = Bench(client, redis_url, tei, timeout_s=10)
    yield made
    made.close()


@pytest.fixture
def hasty(client: OpenStore, redis_url: str, tei: Tei) -> Iterator[Bench]:
    """A bench that soon stops waiting for a service which does not answer."""
    made = Bench(client, redis_url, tei, timeout_s=0.3)
    yield made
    made.close()


_numbers = count()


def query(goal: str = "", *premises: str) -> Retrieval:
    return Retrieval(
        states=[goal or f"⊢ goal {next(_numbers)}"],
        k=8,
        imported_modules=None,
        local_premises=None,
        imported_all_modules=None,
        new_premises=[NewPremise(name=f"p{index}", decl=decl) for index, decl in enumerate(premises)],
        caller_in_module_system=False,
        reply="reply",
        deadline_ms=int(time.time() * 1000) + TTL_MS,
    )


async def test_goal_and_premises_are_handed_on_in_their_order(bench: Bench) -> None:
    await bench.ask(query("⊢ a", "theorem x", "theorem y"), query("⊢ b"))

    assert bench.runner.work() == "2 queries, 4 texts"

    found = bench.handed_on()
    np.testing.assert_array_equal(found["⊢ a"], [vector(text, 8) for text in ("⊢ a", "theorem x", "theorem y")])
    np.testing.assert_array_equal(found["⊢ b"], [vector("⊢ b", 8)])
    assert bench.tokens(PREMISES_QUEUE) == 1
    assert bench.answers() == {}


async def test_everything_that_waits_goes_in_few_calls(bench: Bench, tei: Tei) -> None:
    bench.runner.start()
    tei.calls.clear()
    await bench.ask(*(query() for _ in range(200)))
    assert bench.runner.work() == "200 queries, 200 texts"
    assert len(bench.handed_on()) == 200
    # Takes of 64, 64, 64 and 8 queries, in calls of at most 32 inputs.
    assert len(tei.calls) == 7
    assert bench.runner.work() == "0 queries, 0 texts"


async def test_the_next_query_after_a_token_calls_again(bench: Bench) -> None:
    assert await bench.ask(query(), query()) == [True, False]
    bench.runner.work()
    assert await bench.ask(query(), query()) == [True, False]


async def test_a_text_is_embedded_once_and_premises_are_remembered(bench: Bench, tei: Tei) -> None:
    await bench.ask(query("⊢ a", "x", "x", "y"), query("⊢ a", "y", "⊢ a"))
    assert bench.runner.work() == "2 queries, 3 texts"

    tei.calls.clear()
    await bench.ask(query("⊢ b", "x", "y", "z"))
    assert bench.runner.work() == "1 queries, 2 texts"
    assert tei.calls == [["⊢ b", "z"]]
    np.testing.assert_array_equal(bench.handed_on()["⊢ b"], [vector(text, 8) for text in ("⊢ b", "x", "y", "z")])


async def test_goals_are_not_remembered(bench: Bench) -> None:
    await bench.ask(query("⊢ a"))
    bench.runner.work()
    await bench.ask(query("⊢ a"))
    assert bench.runner.work() == "1 queries, 1 texts"


@pytest.mark.parametrize(
    ("goal", "premises", "place"), [("bad", [], "state"), ("⊢ a", ["x", "bad", "y"], "new_premises[1]")]
)
async def test_a_bad_text_fails_its_query_alone_and_is_named(
    bench: Bench, tei: Tei, goal: str, premises: list[str], place: str
) -> None:
    tei.bad_inputs = {"bad"}
    poisoned = query(goal, *premises)
    await bench.ask(query("⊢ 1"), poisoned, query("⊢ 2"))

    bench.runner.work()

    assert set(bench.handed_on()) == {"⊢ 1", "⊢ 2"}
    answers = bench.answers()
    assert set(answers) == {poisoned.id}
    assert answers[poisoned.id]["error"].startswith(f"{place}: ")
    assert bench.runner.describe()["state"] == "idle"


@pytest.mark.parametrize("fault", [424, NAN])
async def test_a_call_that_fails_once_costs_no_query(bench: Bench, tei: Tei, fault: int | str) -> None:
    bench.runner.start()
    tei.then(fault)
    await bench.ask(query(), query())
    bench.runner.work()
    assert len(bench.handed_on()) == 2
    assert bench.answers() == {}


@pytest.mark.parametrize("fault", [503, CLOSE, HOLD])
async def test_a_service_that_is_down_is_not_asked_once_per_query(hasty: Bench, tei: Tei, fault: int | str) -> None:
    hasty.runner.start()
    tei.always = fault
    await hasty.ask(*(query() for _ in range(20)))
    tei.calls.clear()

    hasty.runner.work()

    assert len(tei.calls) <= 6, "one call and its few retries, not one call a query"
    assert hasty.handed_on() == {}
    assert len(hasty.answers()) == 20
    shown = hasty.runner.describe()
    assert shown["state"] == "failed"
    assert "127.0.0.1" in str(shown["notice"])

    tei.always = None
    await hasty.ask(query())
    hasty.runner.work()
    assert len(hasty.handed_on()) == 1
    assert hasty.runner.describe()["state"] == "idle"


async def test_a_service_that_goes_down_among_single_queries_ends_the_trying(hasty: Bench, tei: Tei) -> None:
    hasty.runner.start()
    tei.then(424)
    tei.always = HOLD
    await hasty.ask(*(query() for _ in range(10)))
    tei.calls.clear()
    hasty.runner.work()
    assert len(hasty.answers()) == 10
    assert len(tei.calls) == 2


async def test_without_an_embedder_queries_learn_why_and_the_next_token_tries_again(bench: Bench) -> None:
    ready: list[Embedder] = []

    def build() -> Embedder:
        if not ready:
            raise ConfigurationError("Set MODEL_ID to a model")
        return ready[0]

    runner = bench.make(build)
    assert runner.describe()["state"] == "starting"
    runner.start()
    assert (runner.describe()["state"], runner.describe()["notice"]) == ("failed", "Set MODEL_ID to a model")
    waiting = query()
    await bench.ask(waiting)
    runner.work()
    assert bench.answers() == {waiting.id: {"error": "Set MODEL_ID to a model"}}

    ready.append(make_embedder(bench.settings))
    await bench.ask(query("⊢ a"))
    runner.work()
    assert set(bench.handed_on()) == {"⊢ a"}
    shown = runner.describe()
    assert (shown["state"], shown["notice"], shown["engine"]) == ("idle", "", "stand-in/model@c0ffee")
    runner.close()


async def test_queries_with_the_most_premises_are_handed_on_whole(bench: Bench) -> None:
    many = [f"theorem t{index}" for index in range(2048)]
    await bench.ask(*(query(f"⊢ {name}", *many) for name in "abc"))
    assert bench.runner.work().startswith("3 queries")
    found = bench.handed_on()
    assert {name: rows.shape for name, rows in found.items()} == {f"⊢ {name}": (2049, 8) for name in "abc"}
    for name, rows in found.items():
        np.testing.assert_array_equal(rows, [vector(text, 8) for text in (name, *many)])


async def test_a_worker_told_to_end_leaves_the_rest_to_the_next(bench: Bench) -> None:
    await bench.ask(query())
    bench.is_stopping = True
    assert bench.runner.work() == "0 queries, 0 texts"
    assert bench.handed_on() == {}
    assert bench.tokens(EMBED_QUEUE) == 1

    bench.is_stopping = False
    assert bench.runner.work() == "1 queries, 1 texts"


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
