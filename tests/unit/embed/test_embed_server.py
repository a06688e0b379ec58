"""The embed process: what it embeds, in how few calls, and what it does when the service fails."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from farm.celery_app import EMBED_QUEUE, PREMISES_QUEUE
from farm.errors import ConfigurationError
from tests.support.embed_bench import Bench, query
from tests.support.open_store import OpenStore
from tests.support.tei import CLOSE, HOLD, NAN, Tei, vector
from workers.embed.embedder import Embedder, make_embedder


@pytest.fixture
def hasty(client: OpenStore, redis_url: str, tei: Tei) -> Iterator[Bench]:
    """A bench that soon stops waiting for a service which does not answer."""
    made = Bench(client, redis_url, tei, timeout_s=0.3)
    yield made
    made.close()


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
