"""An 8-bit copy of the vectors, in which a search finds its candidates. The only module that knows NumKong.

A byte per number is half of what half precision reads, and processors multiply bytes faster. Each row and each query
has a scale of its own. How much rounding can change a score is bounded, so the candidates certainly include every
vector that belongs to the answer. `workers.premises.index` scores them again in full precision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numkong as _numkong
import numpy as np
import numpy.typing as npt

from workers.premises.cores import CORES, spread
from workers.premises.selectors import Ids, Matrix, Selection

# NumKong's stubs name only its own tensors, but it accepts and returns anything that has the buffer protocol.
numkong: Any = _numkong

Bytes = npt.NDArray[np.int8]
Mask = npt.NDArray[np.bool_]
Groups = Mapping[Selection, Sequence[int]]
"""For each selection, the rows of the queries that share it."""

Found = tuple[Ids, Ids, Matrix]
"""Candidates of all queries: for each, the query's row, the vector's position, and the approximate score."""

_BLOCK = 4096
_FIRST_SPAN = 1024
_ENTRIES, _MOST_ROWS = 1 << 17, 1 << 14
"""How many scores a thread holds at a time, and of how many vectors: few enough for its core's cache."""
_TOGETHER_FROM = 4
"""From this many queries on, one pass for all of them is faster than a pass for each."""
_MOST = 4096
"""A query with more candidates than this gets none: then a search in half precision is faster."""
_LEAST_SCALE = 1e-30
# Bounds the rounding errors of a score in single precision, both here and in the answer, relative to the lengths of the
# vectors; with room to spare.
_ROUNDING = 8 * 2.0**-24
# The costs of a pass over all vectors: `_ALONE` for a single query; for several together on one core, `_PASS`, and
# `_PER_QUERY` for each. The unit is one FAISS scan of all vectors on one core (docs/benchmarks.md has measurements). A
# scan takes up to twice as long if the accessible vectors are scattered, so `_ALONE` is set below its true cost.
_ALONE, _PASS, _PER_QUERY = 0.4, 1.6, 0.12


def pays(groups: Groups, total: int) -> bool:
    """Whether passes over the bytes of all `total` vectors are faster than FAISS's scans of the accessible vectors."""
    counts = [selection.count for selection, rows in groups.items() for _ in rows]
    # Scans run side by side, but one scan runs on one core.
    scanned = max(max(counts, default=0), sum(counts) / CORES)
    return scanned > total * min(_ALONE * len(counts), (_PASS + _PER_QUERY * len(counts)) / CORES)


class ByteVectors:
    """The bytes of n vectors with d numbers each; they take n * (d + 4) bytes of memory.

    Args:
        vectors: float32 [n, d], finite.
    """

    def __init__(self, vectors: Matrix) -> None:
        self._bytes = np.empty(vectors.shape, np.int8)
        self._scales = np.empty(len(vectors), np.float32)

        def fill(at: int) -> tuple[float, float]:
            block = vectors[at : at + _BLOCK]
            bytes_, scales = _rounded(block)
            self._bytes[at : at + _BLOCK], self._scales[at : at + _BLOCK] = bytes_, scales
            return longest(block), longest(block - bytes_ * scales[:, None])

        bounds = spread(fill, range(0, len(vectors), _BLOCK))
        # The differences themselves were computed in single precision.
        self._length = 1.001 * max((length for length, _ in bounds), default=0.0)
        self._error = 1.001 * max((error for _, error in bounds), default=0.0)

    def candidates(self, queries: Matrix, groups: Groups, k: int) -> dict[int, Ids]:
        """Return candidates for queries: accessible vectors, among them all that can be among the k best.

        Args:
            queries: float32 [q, d], finite.
            groups: what each query can see; each row of `queries` is in one group.
            k: how many vectors are wanted for each query.

        Returns:
            For each row of `queries`, the positions of its candidates. A row with too many candidates is left out, such
            as a query of zeros, for which all vectors tie.
        """
        if len(queries) >= _TOGETHER_FROM:
            return self._search(queries, groups, k)
        found = {}
        for selection, rows in groups.items():
            for row in rows:
                if alone := self._search(queries[row : row + 1], {selection: [0]}, k):
                    found[row] = alone[0]
        return found

    def _search(self, queries: Matrix, groups: Groups, k: int) -> dict[int, Ids]:
        bytes_, scales = _rounded(queries)
        packed = numkong.dots_pack(bytes_) if len(queries) > 1 else None
        margins = self._margins(queries, bytes_, scales)
        masks = _masks(groups, len(queries), len(self._bytes))
        floors = np.full(len(queries), -np.inf, np.float32)

        def gather(block: tuple[int, int]) -> Found:
            at, to = block
            dots = self._dots(self._bytes[at:to], bytes_, packed)
            scores = np.multiply(dots, self._scales[at:to, None], dtype=np.float32, casting="unsafe")
            return _above(floors, scores, None if masks is None else masks[:, at:to], at)

        best: Found = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
        for blocks in _spans(len(self._bytes), min(_MOST_ROWS, max(1, _ENTRIES // len(queries)))):
            best = _trim([best, *spread(gather, blocks)], k, margins, floors)
        ends = np.searchsorted(best[0], np.arange(1, len(queries)))
        return {row: ids for row, ids in enumerate(np.split(best[1], ends)) if floors[row] < np.inf}

    def _dots(self, rows: Bytes, queries: Bytes, packed: Any) -> npt.NDArray[Any]:
        """Return the inner products of rows with queries, [r, q]; `packed` holds several queries, or is None."""
        if packed is None:
            alone: npt.NDArray[np.float32] = np.asarray(numkong.cdist(queries, rows, "dot", out_dtype="float32"))
            return alone.reshape(-1, 1)
        together: npt.NDArray[np.int32] = np.asarray(numkong.dots_packed(rows, packed))
        return together

    def _margins(self, queries: Matrix, bytes_: Bytes, scales: Matrix) -> npt.NDArray[np.float64]:
        """Return how far below the k-th best approximate score a vector of the answer can be, for each query.

        For a row x with the bytes' value x', and a query q with q', the score x·q differs from x'·q' by at most
        |x| |q - q'| + |x - x'| |q'|. Both the k-th best row and the other row can be off by that. Approximate scores
        are not multiplied by the query's scale, so the margins are divided by it.
        """
        exact: npt.NDArray[np.float64] = queries.astype(np.float64)
        rounded: npt.NDArray[np.float64] = np.multiply(bytes_, scales[:, None], dtype=np.float64)
        lengths = np.linalg.norm(exact, axis=1) + np.linalg.norm(rounded, axis=1)
        errors = self._length * np.linalg.norm(exact - rounded, axis=1)
        errors += self._error * np.linalg.norm(rounded, axis=1)
        errors += _ROUNDING * (self._length + self._error) * lengths
        return np.asarray(2 * errors / scales, np.float64)


def _rounded(rows: Matrix) -> tuple[Bytes, Matrix]:
    """Return the bytes of rows, int8 [r, d], and their scales, float32 [r]."""
    scales: Matrix = np.divide(np.abs(rows).max(axis=1, initial=0.0), 127, dtype=np.float32)
    # Such a row has nearly no length, and 0 is near enough.
    scales[scales < _LEAST_SCALE] = 1
    return np.rint(rows / scales[:, None]).astype(np.int8), scales


def longest(rows: Matrix) -> float:
    """Return the greatest norm of a row; 0 if there are no rows."""
    # In double precision, because the squares of small numbers are 0 in single precision.
    squares: npt.NDArray[np.float64] = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    return float(np.sqrt(np.max(squares, initial=0.0)))


def _spans(total: int, block: int) -> Iterator[list[tuple[int, int]]]:
    """Yield spans of vectors, each span as a list of blocks.

    The spans grow: the best vectors of the first spans set floors, which reject most vectors of the later spans.
    """
    start, end = 0, _FIRST_SPAN
    while start < total:
        stop = min(end, total)
        yield [(at, min(at + block, stop)) for at in range(start, stop, block)]
        start, end = end, 4 * end


def _masks(groups: Groups, queries: int, total: int) -> Mask | None:
    """Return which vectors each query can see, bool [q, n]; None if each can see all."""
    if all(selection.bitmap is None for selection in groups):
        return None
    masks = np.empty((queries, total), np.bool_)
    for selection, rows in groups.items():
        masks[list(rows)] = selection.mask(total)
    return masks


def _above(floors: Matrix, scores: Matrix, accessible: Mask | None, first: int) -> Found:
    """Return the entries of a block that reach the floors.

    Args:
        floors: float32 [q].
        scores: float32 [b, q], the scores of the block's vectors.
        accessible: bool [q, b]; None if all vectors are accessible.
        first: the position of the block's first vector.
    """
    is_high = scores >= floors
    if accessible is not None and np.isneginf(floors).any():
        is_high &= accessible.T
    # Flat, because numpy looks through a vector of bits several times faster than through a matrix.
    columns, rows = np.divmod(np.flatnonzero(is_high), len(floors))
    if accessible is not None:
        is_seen = accessible[rows, columns]
        rows, columns = rows[is_seen], columns[is_seen]
    return rows, columns + first, scores[columns, rows]


def _trim(found: Sequence[Found], k: int, margins: npt.NDArray[np.float64], floors: Matrix) -> Found:
    """Return the candidates that can still be among the k best of their query, sorted by row and score.

    Raise the floor of each query that has k candidates. A query with too many candidates gets an infinite floor, and
    loses them all.
    """
    rows, ids, scores = (np.concatenate(each) for each in zip(*found, strict=True))
    order = np.lexsort((-scores, rows))
    rows, ids, scores = rows[order], ids[order], scores[order]
    last = np.arange(len(rows)) - np.searchsorted(rows, rows) == k - 1
    floors[rows[last]] = scores[last] - margins[rows[last]]
    kept = scores >= floors[rows]
    floors[np.bincount(rows[kept], minlength=len(floors)) > _MOST] = np.inf
    kept &= floors[rows] < np.inf
    return rows[kept], ids[kept], scores[kept]
