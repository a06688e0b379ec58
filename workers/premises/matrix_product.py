"""Candidates for many queries at once, found by one matrix product over all vectors, block by block.

Each query may see different premises. FAISS reads the accessible vectors once per query. A product reads every vector,
accessible or not, but only once for all queries. So a product is faster if many queries wait and each query may see
many premises (docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from workers.premises.cores import spread
from workers.premises.selectors import Ids, Matrix, Selection

Mask = npt.NDArray[np.bool_]
Groups = Mapping[Selection, Sequence[int]]
"""For each selection, the rows of the queries that share it."""

Found = tuple[Ids, Ids, Matrix]
"""Candidates of all queries: for each, the query's row, the vector's position, and the inner product of the two."""

_BLOCK = 8192
_FIRST_SPAN = 1024
# The costs of a product: for a pass over all vectors, and for each query in addition. The unit is one FAISS scan of all
# vectors with all cores at work; docs/benchmarks.md says how they were measured.
_PASS, _PER_QUERY = 10.0, 0.25


def pays(groups: Groups, total: int) -> bool:
    """Whether a product over `total` vectors is cheaper than a scan for each query."""
    scanned = sum(selection.count * len(rows) for selection, rows in groups.items())
    return scanned > total * (_PASS + _PER_QUERY * sum(map(len, groups.values())))


def candidates(vectors: Matrix, queries: Matrix, groups: Groups, wanted: int) -> tuple[Matrix, list[Ids]]:
    """Return candidates for each query: vectors that it can see, among them the best ones.

    Args:
        vectors: float32 [n, d].
        queries: float32 [q, d].
        groups: what each query can see.
        wanted: how many candidates each query gets; fewer if fewer vectors are accessible.

    Returns:
        The floors, float32 [q], and each query's candidates. A vector that the query can see and that is not a
        candidate scores at most the query's floor.
    """
    masks = _masks(groups, len(queries), len(vectors))
    floors = np.full(len(queries), -np.inf, np.float32)

    def gather(block: tuple[int, int]) -> Found:
        at, to = block
        return _above(floors, queries @ vectors[at:to].T, masks[:, at:to], at)

    best: Found = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
    for blocks in _spans(len(vectors)):
        best = _trim([best, *spread(gather, blocks)], wanted, floors)
    ends = np.searchsorted(best[0], np.arange(1, len(queries)))
    return floors, np.split(best[1], ends)


def _spans(total: int) -> Iterator[list[tuple[int, int]]]:
    """Yield spans of vectors, each span as a list of blocks.

    The spans grow: the best vectors of the first spans set floors, which reject most vectors of the later spans.
    """
    start, end = 0, _FIRST_SPAN
    while start < total:
        stop = min(end, total)
        yield [(at, min(at + _BLOCK, stop)) for at in range(start, stop, _BLOCK)]
        start, end = end, 4 * end


def _masks(groups: Groups, queries: int, total: int) -> Mask:
    masks = np.empty((queries, total), np.bool_)
    for selection, rows in groups.items():
        masks[list(rows)] = selection.mask(total)
    return masks


def _above(floors: Matrix, scores: Matrix, accessible: Mask, first: int) -> Found:
    """Return the entries of a block that reach the floors.

    Args:
        floors: float32 [q].
        scores: float32 [q, b], the scores of the block's vectors.
        accessible: bool [q, b].
        first: the position of the block's first vector.
    """
    # Flat, because numpy looks through a vector of bits several times faster than through a matrix.
    rows, columns = np.divmod(np.flatnonzero(scores >= floors[:, None]), scores.shape[1])
    is_seen = accessible[rows, columns]
    rows, columns = rows[is_seen], columns[is_seen]
    return rows, columns + first, scores[rows, columns]


def _trim(found: Sequence[Found], wanted: int, floors: Matrix) -> Found:
    """Return the `wanted` best candidates of each query, sorted by row and score.

    If a query has at least `wanted` candidates, raise its floor to the score of the last candidate returned.
    """
    rows, ids, scores = (np.concatenate(each) for each in zip(*found, strict=True))
    order = np.lexsort((-scores, rows))
    rows, ids, scores = rows[order], ids[order], scores[order]
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    last = place == wanted - 1
    floors[rows[last]] = scores[last]
    kept = place < wanted
    return rows[kept], ids[kept], scores[kept]
