"""Exact search by inner product. The only module that knows FAISS.

A search finds candidates with less precision, which reads less memory, and scores them again in full precision.

If a query may see many premises, or many queries wait, `workers.premises.byte_vectors` gives all rows that can belong
to the answer. If a query may see few premises, FAISS scans these in half precision. The best k + 16 rows are then the
candidates, and a test decides whether no other row can belong to the answer; if so, the answer has a certificate. If
there is no certificate, which is seldom (docs/benchmarks.md), FAISS searches again for twice as many candidates.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any, TypeVar

import faiss as _faiss
import numpy as np
import numpy.typing as npt

from farm.errors import ConfigurationError, CorpusError
from workers.premises import byte_vectors
from workers.premises.byte_vectors import ByteVectors, Groups, longest
from workers.premises.cores import CORES, spread
from workers.premises.selectors import Ids, Matrix, Selection

T = TypeVar("T")
R = TypeVar("R")
# FAISS's type stubs, where there are any, describe its constructors in C++, not in Python.
faiss: Any = _faiss

_SPARE = 16
"""How many candidates are taken beyond k: with these, nearly every query gets its certificate at once."""
_SCAN_FROM = 8192
"""If this many candidates are needed, it is cheaper to score every row.

This happens only if thousands of rows tie, as for a zero query.
"""
_BLOCK = 4096
_HALF_MAX = float(np.finfo(np.float16).max)
_UNIT_ROUNDOFF = 2.0**-24


class Index:
    """The vectors of a corpus, n premises by d numbers.

    Attributes:
        rescored_s: how much of the time of all calls of `search_all` went into scoring candidates in full precision.
            Threads that score at the same time count once.
    """

    def __init__(self, vectors: Matrix, error: float) -> None:
        """Do not call this directly; call `build`.

        Args:
            vectors: float32 [n, d].
            error: the largest error of a score that is computed in half or single precision, for a query of norm 1.
        """
        self.rescored_s = self._scored_s = 0.0
        self._vectors = vectors
        self._error = error
        self._half = faiss.IndexScalarQuantizer(
            vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        self._half.add(vectors)
        self._bytes = ByteVectors(vectors)

    @classmethod
    def build(cls, vectors: Matrix) -> Index:
        """Index vectors. The index keeps them without a copy, so they may be memory-mapped.

        Args:
            vectors: float32 [n, d], n may be 0.

        Raises:
            CorpusError: a number is not finite, or too large for half precision.
        """
        return cls(vectors, _half_error(vectors))

    def __len__(self) -> int:
        return len(self._vectors)

    @property
    def dimension(self) -> int:
        """The dimension d: how many numbers a vector has."""
        return int(self._vectors.shape[1])

    def search_all(self, queries: Matrix, ks: Sequence[int], groups: Groups) -> dict[int, tuple[Matrix, Ids]]:
        """Search for all queries, by the faster method; return for each row of `queries` what `search` returns.

        Args:
            queries: float32 [q, d], finite.
            ks: how many premises to return for each query; more may be returned.
            groups: the rows of `queries` that share a selection; each row is in one group.

        Raises:
            ConfigurationError: the queries have a different dimension from the index.
        """
        found = {}
        if max(ks, default=0) > 0 and byte_vectors.pays(groups, len(self)):
            found = self._search_bytes(queries, max(ks), groups)
        parts = [part for selection, rows in groups.items() for part in _parts(selection, rows, found)]
        best = self._spread(lambda part: self.search(queries[part[1]], max(ks[row] for row in part[1]), part[0]), parts)
        for (_, rows), each in zip(parts, best, strict=True):
            found.update(zip(rows, zip(*each, strict=True), strict=True))
        return found

    def _search_bytes(self, queries: Matrix, k: int, groups: Groups) -> dict[int, tuple[Matrix, Ids]]:
        """Search among the candidates that the bytes give; queries for which they give too many are left out."""
        self._check(queries)
        candidates = self._bytes.candidates(queries, groups, k)

        def best(row: int) -> tuple[Matrix, Ids]:
            return self._best(queries[row], self._narrow(queries[row], candidates[row], k), k)

        return dict(zip(candidates, self._spread(best, list(candidates)), strict=True))

    def _spread(self, work: Callable[[T], R], parts: Sequence[T]) -> list[R]:
        """Run `work` for each part, in as many threads as there are cores, and add what it took to `rescored_s`."""
        before = self._scored_s
        found = spread(work, parts)
        self.rescored_s += (self._scored_s - before) / max(1, min(CORES, len(parts)))
        return found

    def _narrow(self, query: Matrix, candidates: Ids, k: int) -> Ids:
        """Return the candidates that can be among the k best by their scores in single precision."""
        if len(candidates) <= k:
            return candidates
        scores: Matrix = self._vectors[candidates] @ query
        margin = 2 * self._error * float(np.linalg.norm(query.astype(np.float64)))
        narrowed: Ids = candidates[scores >= np.partition(scores, -k)[-k] - margin]
        return narrowed

    def search(self, queries: Matrix, k: int, selection: Selection) -> tuple[Matrix, Ids]:
        """Return the k best accessible premises of each query, exactly.

        Args:
            queries: float32 [q, d], finite.
            k: how many to return.
            selection: the accessible premises.

        Returns:
            float32 [q, h] inner products, descending, and int64 [q, h] positions, where h is k, or less if fewer
            premises are accessible. Where scores are equal, positions descend too. This is the order of
            lean-premise-server and of FAISS's flat index.

        Raises:
            ConfigurationError: the queries have a different dimension from the index.
        """
        k = max(min(k, selection.count), 0)
        scores, ids = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        if k and len(queries):
            self._check(queries)
            rest = self._certify(queries, selection, scores, ids)
            everything = selection.ids(len(self)) if len(rest) else ids
            for row in rest:
                scores[row], ids[row] = self._best(queries[row], everything, k)
        return scores, ids

    def _check(self, queries: Matrix) -> None:
        if queries.shape[1] != self.dimension:
            raise ConfigurationError(
                f"The embedding model gives {queries.shape[1]} numbers per text, the premises' vectors have "
                f"{self.dimension}: MODEL_ID must be the model they were made with."
            )

    def _certify(self, queries: Matrix, selection: Selection, scores: Matrix, ids: Ids) -> Ids:
        """Search with more and more candidates, up to a limit; return the numbers of the queries without a certificate.

        Each search writes the scores and ids that it finds into the query's rows of `scores` and `ids`.
        """
        k = scores.shape[1]
        rest, wanted = np.arange(len(queries)), k + _SPARE
        while len(rest) and wanted < min(selection.count, _SCAN_FROM):
            # In this thread only: `spread` searches for other queries in other threads.
            faiss.omp_set_num_threads(1)
            half, candidates = self._half.search(queries[rest], wanted, params=_parameters(selection))
            for row, found in zip(rest, candidates, strict=True):
                scores[row], ids[row] = self._best(queries[row], found, k)
            rest = rest[scores[rest, -1] <= self._ceilings(queries[rest], half[:, -1])]
            wanted *= 2
        return rest

    def _ceilings(self, queries: Matrix, lowest: Matrix) -> npt.NDArray[np.float64]:
        """Return, for each query, a ceiling above which no row outside the candidates can score.

        The approximate score of a row outside the candidates is at most `lowest`. The exact score of such a row may be
        equal to the ceiling. If the k-th best score is at the ceiling too, that row may belong to the answer, because
        the larger id wins a tie. So an answer is certain only if its k-th best score is above the ceiling.
        """
        lengths: npt.NDArray[np.float64] = np.linalg.norm(queries.astype(np.float64), axis=1)
        return lowest + self._error * lengths

    def _best(self, query: Matrix, candidates: Ids, k: int) -> tuple[Matrix, Ids]:
        started = time.perf_counter()
        blocks = range(0, max(len(candidates), 1), _BLOCK)
        scores = np.concatenate([inner(self._vectors[candidates[at : at + _BLOCK]], query) for at in blocks])
        order = np.lexsort((-candidates, -scores))[:k]
        self._scored_s += time.perf_counter() - started
        return scores[order], candidates[order]


def _parts(selection: Selection, rows: Sequence[int], done: Container[int]) -> Iterator[tuple[Selection, list[int]]]:
    """Yield the rows that are not in `done`, divided among the cores."""
    rest = [row for row in rows if row not in done]
    yield from ((selection, part) for at in range(CORES) if (part := rest[at::CORES]))


def inner(rows: Matrix, query: Matrix) -> Matrix:
    """Return the inner products of rows, float32 [r, d], with one query, float32 [d].

    They are computed row by row in double precision, so that equal rows get equal scores wherever they stand. BLAS does
    not promise that.
    """
    products: npt.NDArray[np.float64] = np.multiply(rows, query, dtype=np.float64).sum(axis=1)
    return products.astype(np.float32)


def _half_error(vectors: Matrix) -> float:
    """Return a bound on |half score - score| over all rows, for a query of norm 1.

    Rounding a row x to half precision moves the product by at most |x - half(x)|. FAISS adds d products in single
    precision; the sum is off by at most d times the unit roundoff times |half(x)|, and the final rounding adds a
    little. A product in single precision adds likewise, but rounds no row, so the same bound holds for it.
    """
    rounding = length = 0.0
    for at in range(0, len(vectors), _BLOCK):
        block = vectors[at : at + _BLOCK]
        # A NaN fails the comparison as well.
        if not (np.abs(block).max(initial=0.0) <= _HALF_MAX):
            raise CorpusError(f"The vectors of premises {at} to {at + len(block) - 1} hold numbers out of range.")
        half = block.astype(np.float16).astype(np.float32)
        rounding, length = max(rounding, longest(block - half)), max(length, longest(half))
    return 1.001 * float(rounding + (vectors.shape[1] + 8) * _UNIT_ROUNDOFF * length)


def _parameters(selection: Selection) -> Any:
    if selection.bitmap is None:
        return None
    return faiss.SearchParameters(sel=faiss.IDSelectorBitmap(selection.bitmap))
