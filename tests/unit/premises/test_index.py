"""The search against brute force in exact arithmetic: order, ties, and scores that half precision cannot tell apart."""

from __future__ import annotations

from math import fsum
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from farm.errors import ConfigurationError, CorpusError
from workers.premises.index import Index, inner
from workers.premises.selectors import Matrix, Selection

Mask = npt.NDArray[np.bool_]


def brute_force(vectors: Matrix, query: Matrix, k: int, mask: Mask) -> tuple[list[float], list[int]]:
    """Products of float32 are exact in double precision, and fsum adds them exactly."""
    wide = query.astype(np.float64)
    scores = {int(row): np.float32(fsum(vectors[row] * wide)) for row in np.flatnonzero(mask)}
    best = sorted(scores, key=lambda row: (-scores[row], -row))[:k]
    return [float(scores[row]) for row in best], best


def check(vectors: Matrix, queries: Matrix, k: int, mask: Mask) -> None:
    scores, ids = Index.build(vectors).search(queries, k, Selection.of(mask))
    assert scores.dtype == np.float32
    assert ids.dtype == np.int64
    assert scores.shape == ids.shape == (len(queries), min(k, int(mask.sum())))
    for query, found_scores, found in zip(queries, scores, ids, strict=True):
        best_scores, best = brute_force(vectors, query, k, mask)
        assert found.tolist() == best
        assert found_scores.tolist() == best_scores


def unit(rows: Matrix) -> Matrix:
    length: Matrix = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / length


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
@pytest.mark.parametrize("k", [1, 5, 40])
def test_random_vectors(rng: np.random.Generator, share: float, k: int) -> None:
    vectors = unit(rng.standard_normal((700, 24), np.float32))
    mask = rng.random(700) < share
    check(vectors, unit(rng.standard_normal((5, 24), np.float32)), k, mask)


def test_duplicates_come_in_descending_order(rng: np.random.Generator) -> None:
    vectors = unit(rng.standard_normal((20, 16), np.float32))[rng.integers(0, 20, 900)]
    mask = rng.random(900) < 0.7
    for k in (1, 10, 100):
        check(vectors, unit(rng.standard_normal((4, 16), np.float32)), k, mask)


def test_scores_closer_than_half_precision_keep_their_order(rng: np.random.Generator) -> None:
    """All rows have one half-precision image, so only the certificate finds the best of them."""
    vectors = np.tile(unit(rng.standard_normal((1, 16), np.float32)), (2000, 1))
    vectors *= 1 + rng.permutation(2000).astype(np.float32)[:, None] * 2.0**-23
    vectors = np.concatenate([vectors, unit(rng.standard_normal((2000, 16), np.float32))])
    for length in (1, 1000):
        check(vectors, vectors[:2] * np.float32(length), 5, np.ones(4000, np.bool_))


def test_the_errors_of_single_precision_sums_change_no_order(rng: np.random.Generator) -> None:
    """Rows that half precision holds exactly, in hundreds of scores that only a last bit tells apart."""
    vectors = np.tile(rng.integers(-64, 64, 96).astype(np.float32) / np.float32(64), (2048, 1))
    vectors[:, 0] = rng.permutation(2048)
    queries = rng.standard_normal((12, 96), np.float32)
    queries[:, 0] = 2e-9
    check(vectors, queries, 5, np.ones(2048, np.bool_))


def test_more_ties_than_candidates(rng: np.random.Generator) -> None:
    vectors = np.tile(unit(rng.standard_normal((1, 4), np.float32)), (20_000, 1))
    mask = np.ones(20_000, np.bool_)
    mask[-3:] = False
    index = Index.build(vectors)
    for query in (vectors[:1], np.zeros((1, 4), np.float32), -vectors[:1]):
        scores, ids = index.search(query, 4, Selection.of(mask))
        assert ids.tolist() == [[19_996, 19_995, 19_994, 19_993]]
        assert len(set(scores[0].tolist())) == 1


def test_zero_vectors_and_zero_queries(rng: np.random.Generator) -> None:
    vectors = unit(rng.standard_normal((300, 8), np.float32))
    vectors[::3] = 0
    queries = np.stack([np.zeros(8, np.float32), vectors[1], -vectors[1]])
    check(vectors, queries, 150, np.ones(300, np.bool_))


@pytest.mark.parametrize("scale", [1e-7, 1e-3, 1e3])
def test_vectors_and_queries_of_any_length(rng: np.random.Generator, scale: float) -> None:
    vectors = (rng.standard_normal((500, 12)) * scale).astype(np.float32)
    queries = (rng.standard_normal((3, 12)) / scale).astype(np.float32)
    check(vectors, queries, 9, rng.random(500) < 0.9)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 9, 24])
def test_tiny_sets_and_k_beyond_them(rng: np.random.Generator, count: int) -> None:
    vectors = unit(rng.standard_normal((203, 6), np.float32))
    mask = np.zeros(203, np.bool_)
    mask[rng.choice(203, count, replace=False)] = True
    for k in (1, 8, 1000):
        check(vectors, vectors[:2], k, mask)


def test_nothing_to_search(rng: np.random.Generator) -> None:
    empty = Index.build(np.empty((0, 0), np.float32))
    assert len(empty) == 0
    scores, ids = empty.search(np.ones((2, 5), np.float32), 3, Selection.of(np.empty(0, np.bool_)))
    assert scores.shape == ids.shape == (2, 0)
    index, everything = Index.build(unit(rng.standard_normal((9, 5), np.float32))), Selection.of(np.ones(9, np.bool_))
    assert index.search(np.empty((0, 5), np.float32), 3, everything)[0].shape == (0, 3)
    assert index.search(np.ones((2, 5), np.float32), -1, everything)[0].shape == (2, 0)


def test_another_model_is_named() -> None:
    index = Index.build(np.ones((9, 5), np.float32))
    assert (len(index), index.dimension) == (9, 5)
    with pytest.raises(ConfigurationError, match=r"gives 4 numbers per text.* have 5.*MODEL_ID"):
        index.search(np.ones((1, 4), np.float32), 3, Selection.of(np.ones(9, np.bool_)))


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1e5])
def test_numbers_out_of_range_are_refused(number: float) -> None:
    vectors = np.ones((5000, 3), np.float32)
    vectors[4500, 1] = number
    with pytest.raises(CorpusError, match="premises 4096 to 4999"):
        Index.build(vectors)


def test_vectors_may_lie_in_a_file(rng: np.random.Generator, tmp_path: Path) -> None:
    vectors = unit(rng.standard_normal((400, 8), np.float32))
    np.save(tmp_path / "vectors.npy", vectors)
    check(np.load(tmp_path / "vectors.npy", mmap_mode="r"), vectors[:3], 6, rng.random(400) < 0.5)


def test_equal_rows_have_equal_scores_wherever_they_stand(rng: np.random.Generator) -> None:
    row = rng.standard_normal((1, 771), np.float32)
    rows = np.concatenate([row if n % 3 else rng.standard_normal((1, 771), np.float32) for n in range(257)])
    scores = inner(rows, rng.standard_normal(771, np.float32))
    assert len({scores[n].item() for n in range(257) if n % 3}) == 1
