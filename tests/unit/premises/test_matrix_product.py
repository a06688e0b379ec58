"""Many queries at once: one matrix product finds the same as each query by itself."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from workers.premises import matrix_product
from workers.premises.index import Index
from workers.premises.selectors import Matrix, Selection

TOTAL = 20_000
DIMENSION = 24


@pytest.fixture(scope="module")
def vectors() -> Matrix:
    """Rows with duplicates, zeros, and thousands that half precision cannot tell apart."""
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((TOTAL, DIMENSION), np.float32)
    rows[:4000] = rows[0] * (1 + rng.permutation(4000).astype(np.float32)[:, None] * np.float32(2.0**-23))
    rows[4000:5000] = rows[rng.integers(6000, 6020, 1000)]
    rows[5000:5500] = 0
    return rows


def queries(vectors: Matrix, count: int) -> Matrix:
    found = np.random.default_rng(4).standard_normal((count, DIMENSION)).astype(np.float32)
    found[:4] = vectors[[0, 4000, 5000, 19_999]]
    return found


def selection(share: float, seed: int) -> Selection:
    return Selection.of(np.random.default_rng(seed).random(TOTAL) < share)


def check(vectors: Matrix, asked: Matrix, ks: list[int], groups: dict[Selection, list[int]]) -> None:
    index = Index.build(vectors)
    found = index.search_all(asked, ks, groups)
    assert sorted(found) == list(range(len(asked)))
    for each, rows in groups.items():
        for row in rows:
            [alone_scores], [alone] = index.search(asked[row : row + 1], ks[row], each)
            scores, ids = found[row]
            assert ids[: len(alone)].tolist() == alone.tolist()
            assert scores[: len(alone)].tolist() == alone_scores.tolist()


@pytest.mark.parametrize("shares", [(1.0,), (0.9, 0.7, 1.0)])
def test_many_queries_find_what_each_finds_alone(vectors: Matrix, shares: tuple[float, ...]) -> None:
    sets = [selection(share, at) for at, share in enumerate(shares)]
    groups = {each: list(range(at, 40, len(sets))) for at, each in enumerate(sets)}
    assert matrix_product.pays(groups, TOTAL)
    check(vectors, queries(vectors, 40), [1 + row % 32 for row in range(40)], groups)


def test_a_query_that_sees_little_or_nothing_is_not_lost_among_those_that_see_all(vectors: Matrix) -> None:
    few, none = np.zeros(TOTAL, np.bool_), np.zeros(TOTAL, np.bool_)
    few[[7, 5100, 19_999]] = True
    groups = {
        Selection.of(np.ones(TOTAL, np.bool_)): list(range(2, 40)),
        Selection.of(few): [0],
        Selection.of(none): [1],
    }
    assert matrix_product.pays(groups, TOTAL)
    check(vectors, queries(vectors, 40), [50] * 40, groups)


def test_what_has_no_certificate_is_searched_again(vectors: Matrix) -> None:
    groups = {selection(1.0, 0): list(range(40))}
    asked = queries(vectors, 40)
    asked[7] = 0  # every score ties, so no ceiling is below the best
    certain = Index.build(vectors)._search_together(asked, 5, groups)
    assert {0, 7}.isdisjoint(certain)
    assert len(certain) > 30
    check(vectors, asked, [5] * 40, groups)


@pytest.mark.parametrize(("share", "count", "expected"), [(1.0, 1, False), (1.0, 24, True), (0.05, 64, False)])
def test_a_product_is_for_many_that_see_much(share: float, count: int, expected: bool) -> None:
    assert matrix_product.pays({selection(share, 0): list(range(count))}, TOTAL) is expected


def test_candidates_are_accessible_and_the_rest_is_below_the_floor(vectors: Matrix) -> None:
    asked, mask = queries(vectors, 6), np.random.default_rng(9).random(TOTAL) < 0.3
    floors, candidates = matrix_product.candidates(vectors, asked, {Selection.of(mask): list(range(6))}, 20)
    scores: npt.NDArray[np.float64] = vectors.astype(np.float64) @ asked.T.astype(np.float64)
    for row, ids in enumerate(candidates):
        assert mask[ids].all()
        assert len(set(ids.tolist())) == 20
        others = np.setdiff1d(np.flatnonzero(mask), ids)
        assert scores[others, row].max() <= floors[row] + 1e-4
