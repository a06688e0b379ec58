"""Embed and premise workers that were given different models, as in the middle of a change of models."""

from __future__ import annotations

import pytest

from tests.support.embed_bench import Bench, query
from tests.support.open_store import OpenStore
from tests.support.tei import Tei
from workers.embed.embedder import may_be_same_model
from workers.premises.server import PremiseServer


async def test_vectors_of_another_model_are_refused_and_rank_nothing(
    bench: Bench, premises: PremiseServer, client: OpenStore, redis_url: str
) -> None:
    with Tei(model_id="another/model-2") as service:
        other = Bench(client, redis_url, service, timeout_s=10)
        foreign = query()
        await other.ask(foreign)
        other.runner.work()
        other.close()
    own = query()
    await bench.ask(own)
    bench.runner.work()
    premises.work()

    answers = bench.answers()
    assert len(answers[own.id]["results"][0]) == own.k
    assert "another/model-2" in answers[foreign.id]["error"]
    assert "stand-in/model" in answers[foreign.id]["error"]


async def test_vectors_of_another_dimension_fail_only_their_queries(
    bench: Bench, premises: PremiseServer, redis_url: str, client: OpenStore
) -> None:
    own = [query(), query()]
    await bench.ask(own[0])
    bench.runner.work()
    with Tei(dimension=9) as service:
        other = Bench(client, redis_url, service, timeout_s=10)
        misfit = query()
        await other.ask(misfit)
        other.runner.work()
        other.close()
    await bench.ask(own[1])
    bench.runner.work()
    premises.work()

    answers = bench.answers()
    assert [len(answers[each.id]["results"][0]) for each in own] == [8, 8]
    assert "gives 9 numbers per text" in answers[misfit.id]["error"]


@pytest.mark.parametrize(
    ("name", "other", "is_same"),
    [
        ("me/model", "me/model@c0ffee", True),
        ("me/model@v4", "me/model@c0ffee", True),
        ("", "me/model", True),
        ("tei", "me/model", True),
        ("/data", "me/model", True),
        ("me/model", "me/model-2", False),
        ("lexical-768-v1", "me/model", False),
    ],
)
def test_models_are_told_apart_by_their_names(name: str, other: str, *, is_same: bool) -> None:
    assert may_be_same_model(name, other) is may_be_same_model(other, name) is is_same
