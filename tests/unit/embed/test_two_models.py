"""Embed and premise workers that were given different models, as in the middle of a change of models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.store.corpora import Corpora
from farm.store.room_queues import Room
from tests.support.embed_bench import Bench, query
from tests.support.open_store import OpenStore
from tests.support.tei import Tei
from workers.embed.embedder import may_be_same_model
from workers.metric_counts import Metrics
from workers.premises.server import PremiseServer
from workers.room_server import Post


@pytest.fixture
def premises(bench: Bench, client: OpenStore, redis_url: str, tmp_path: Path) -> Iterator[PremiseServer]:
    """A premise process whose vectors are made by the bench's service."""
    settings = bench.settings.model_copy(update={"data_dir": tmp_path})
    post = Post(Room(client, "premises", "w"), bench.runner._post.tokens, lambda: False, Metrics(), 0.0)
    server = PremiseServer(post, settings, Corpora(client, "w"))
    yield server
    server.close()


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
