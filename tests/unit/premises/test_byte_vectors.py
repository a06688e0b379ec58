"""The bytes of the vectors: a search among their candidates finds the same as FAISS, and as exact arithmetic."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from workers.premises import byte_vectors
from workers.premises.byte_vectors import ByteVectors, pays
from workers.premises.index import Index
from workers.premises.selectors import Matrix, Selection

TOTAL = 20_000
DIMENSION = 24


@pytest.fixture(scope="module")
def vectors() -> Matrix:
    """Rows with duplicates, zeros, and thousands that bytes cannot tell apart."""
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
    assert pays(groups, TOTAL)
    check(vectors, queries(vectors, 40), [1 + row % 32 for row in range(40)], groups)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_few_queries_find_the_same(vectors: Matrix, count: int) -> None:
    for first in range(0, 12, count):
        asked = queries(vectors, 12)[first : first + count]
        check(vectors, asked, [8] * count, {selection(0.9, first): list(range(count))})


def test_a_query_that_sees_little_or_nothing_is_not_lost_among_those_that_see_all(vectors: Matrix) -> None:
    few, none = np.zeros(TOTAL, np.bool_), np.zeros(TOTAL, np.bool_)
    few[[7, 5100, 19_999]] = True
    groups = {
        Selection.of(np.ones(TOTAL, np.bool_)): list(range(2, 40)),
        Selection.of(few): [0],
        Selection.of(none): [1],
    }
    assert pays(groups, TOTAL)
    check(vectors, queries(vectors, 40), [50] * 40, groups)


@pytest.mark.parametrize("count", [1, 40])
def test_a_query_for_which_too_many_tie_is_left_to_faiss(vectors: Matrix, count: int) -> None:
    groups = {selection(1.0, 0): list(range(count))}
    asked = queries(vectors, count + 8)[8:]
    asked[-1] = 0  # every score ties
    assert sorted(ByteVectors(vectors).candidates(asked, groups, 5)) == list(range(count - 1))
    check(vectors, asked, [5] * count, groups)


@pytest.mark.parametrize(
    ("share", "count", "expected"), [(1.0, 1, True), (0.3, 1, False), (1.0, 24, True), (0.05, 64, False)]
)
def test_bytes_are_for_queries_that_see_much(share: float, count: int, expected: bool) -> None:
    assert pays({selection(share, 0): list(range(count))}, TOTAL) is expected


@pytest.mark.parametrize("count", [1, 6])
def test_candidates_are_accessible_and_hold_all_of_the_best(vectors: Matrix, count: int) -> None:
    asked, mask = queries(vectors, 10)[10 - count :], np.random.default_rng(9).random(TOTAL) < 0.3
    found = ByteVectors(vectors).candidates(asked, {Selection.of(mask): list(range(count))}, 20)
    scores: npt.NDArray[np.float64] = vectors.astype(np.float64) @ asked.T.astype(np.float64)
    assert sorted(found) == list(range(count))
    for row, ids in found.items():
        assert mask[ids].all()
        assert len(set(ids.tolist())) == len(ids)
        others = np.setdiff1d(np.flatnonzero(mask), ids)
        assert scores[others, row].max() < np.sort(scores[ids, row])[-20]


@pytest.mark.parametrize("length", [1e-33, 1e-20, 1000])
def test_rows_of_other_lengths_change_no_answer(vectors: Matrix, length: float) -> None:
    rows = vectors.copy()
    rows[6000:6100] *= np.float32(length)
    check(rows, queries(rows, 6), [20] * 6, {selection(1.0, 0): list(range(6))})


@pytest.mark.parametrize("dimension", [1, 7, 24, 768, 1024])
@pytest.mark.parametrize("count", [1, 5])
def test_no_rounding_loses_a_vector(dimension: int, count: int) -> None:
    """Rows of every length around one direction, whose scores differ by less than bytes can tell."""
    rng = np.random.default_rng(dimension)
    centre = rng.standard_normal(dimension).astype(np.float32)
    rows = centre + rng.standard_normal((3000, dimension)).astype(np.float32) * np.float32(0.02)
    rows[:, 0] += rng.integers(-2, 3, 3000) * np.float32(10)  # one number that is far larger than the others
    asked = centre + rng.standard_normal((count, dimension)).astype(np.float32) * np.float32(0.5)
    everything = Selection.of(np.ones(3000, np.bool_))
    found = ByteVectors(rows).candidates(asked, {everything: list(range(count))}, 10)
    exact: npt.NDArray[np.float64] = rows.astype(np.float64) @ asked.T.astype(np.float64)
    for row, ids in found.items():
        assert set(np.argsort(-exact[:, row])[:10].tolist()) <= set(ids.tolist())


def test_margins_are_needed(vectors: Matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above would find an answer that lacks a vector."""
    monkeypatch.setattr(ByteVectors, "_margins", lambda self, asked, *_: np.zeros(len(asked)))
    monkeypatch.setattr(byte_vectors, "_MOST", TOTAL)
    with pytest.raises(AssertionError):
        check(vectors, queries(vectors, 40), [32] * 40, {selection(1.0, 0): list(range(40))})
