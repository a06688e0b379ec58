"""Answers: indexed and new premises in one order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from farm.models import NewPremise, RetrieveRequest
from workers.premises.index import Index
from workers.premises.numbering import Numbering
from workers.premises.ranking import Ranker, Ranking
from workers.premises.selectors import Matrix

from .conftest import DataSet

NO_VECTORS = np.empty((0, 2), np.float32)
STATE = np.array([1.0, 0.0], np.float32)
HIGH = [(2.0, name) for name in "BDFHJLNPRTVXZ"]
LOW = [(1.0, name) for name in "ACEGIKMOQSUWY"]


def vectors(*scores: float) -> Matrix:
    """Return one vector per score; its product with `STATE` is that score."""
    return np.array([[score, 1.0] for score in scores], np.float32).reshape(-1, 2)


def request(*new: str, k: int = 10, **fields: Any) -> RetrieveRequest:
    return RetrieveRequest(state="", k=k, new_premises=[NewPremise(name=name, decl="") for name in new], **fields)


def named(query: RetrieveRequest, ranking: Ranking) -> list[tuple[float, str]]:
    """Return a ranking with the names of new premises instead of their positions."""
    new = query.new_premises
    return [(score, new[found].name if isinstance(found, int) else found) for score, found in ranking]


@pytest.fixture
def ranker(data_set: DataSet) -> Ranker:
    corpus = data_set.write({"M": ["a", "b", "c"], "N": ["d"]}).load()
    return Ranker(corpus, Index.build(vectors(0.5, 0.75, 0.5, 1.0)), Numbering.of(corpus))


@pytest.mark.parametrize(
    ("query", "new", "expected"),
    [
        (request(), NO_VECTORS, [(1.0, "d"), (0.75, "b"), (0.5, "c"), (0.5, "a")]),
        (request(k=2), NO_VECTORS, [(1.0, "d"), (0.75, "b")]),
        (request(k=0), NO_VECTORS, []),
        (request("v", "w", "x", "y", "z", k=-3), vectors(2.0, 3.0, 4.0, 5.0, 6.0), []),
        (request(imported_modules=[0]), NO_VECTORS, [(0.75, "b"), (0.5, "c"), (0.5, "a")]),
        (request("x", k=3), vectors(0.8), [(1.0, "d"), (0.800000011920929, "x"), (0.75, "b")]),
        (request("x", "y", k=3, imported_modules=[]), vectors(-1.0, 0.25), [(0.25, "y"), (-1.0, "x")]),
        # A new premise stands for the indexed one of its name, higher or lower.
        (request("d"), vectors(0.25), [(0.75, "b"), (0.5, "c"), (0.5, "a"), (0.25, "d")]),
        (request("a", k=2), vectors(3.0), [(3.0, "a"), (1.0, "d")]),
        # Ties: indexed from the last position on, then new ones as they came.
        (
            request("y", "x", imported_modules=["M"]),
            vectors(0.5, 0.5),
            [(0.75, "b"), (0.5, "c"), (0.5, "a"), (0.5, "y"), (0.5, "x")],
        ),
        (request("x", "x", local_premises=[]), vectors(0.5, 1.0), [(1.0, "x"), (0.5, "x")]),
        (request(*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=40, local_premises=[]), vectors(*[1.0, 2.0] * 13), HIGH + LOW),
    ],
)
def test_one_order(ranker: Ranker, query: RetrieveRequest, new: Matrix, expected: list[tuple[float, str]]) -> None:
    assert named(query, ranker.rank(query, STATE, new)) == expected


def test_a_batch_gives_what_each_query_gives(ranker: Ranker) -> None:
    queries = [request(), request("x", k=1), request(k=2), request(imported_modules=["N"]), request("d", k=3)]
    news = [NO_VECTORS, vectors(0.9), NO_VECTORS, NO_VECTORS, vectors(0.6)]
    states = [STATE * (1 - 2 * (n % 2)) for n in range(len(queries))]
    alone = [ranker.rank(query, state, new) for query, state, new in zip(queries, states, news, strict=True)]
    assert ranker.rank_all(queries, states, news) == alone
    assert ranker.rank_all([], [], []) == []


def test_an_empty_corpus_ranks_what_is_new(data_set: DataSet) -> None:
    corpus = data_set.write({}).load()
    ranker = Ranker(corpus, Index.build(np.empty((0, 0), np.float32)), Numbering.of(corpus))
    assert ranker.rank(request("x", "y"), STATE, vectors(0.25, 0.5)) == [(0.5, 1), (0.25, 0)]
    assert ranker.rank(request(), STATE, NO_VECTORS) == []
