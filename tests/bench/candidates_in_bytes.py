"""How long a search takes with candidates from bytes, and with candidates from FAISS; prints the table of the docs.

    .venv/bin/python -m tests.bench.large_corpus FOLDER
    .venv/bin/python -m tests.bench.candidates_in_bytes FOLDER

The accessible premises are whole modules of 33 premises each. Both ways must find the same.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from workers.premises.byte_vectors import pays
from workers.premises.cores import spread
from workers.premises.index import Index
from workers.premises.selectors import Matrix, Selection

_K, _MODULE, _TIMES = 32, 33, 9


def _milliseconds(work: Callable[[], object]) -> float:
    work()
    spent = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        work()
        spent.append(time.perf_counter() - started)
    return statistics.median(spent) * 1000


def _selection(total: int, share: float) -> Selection:
    modules = np.random.default_rng(1).random(total // _MODULE + 1) < share
    return Selection.of(modules[np.arange(total) // _MODULE] if share < 1 else np.ones(total, np.bool_))


def _row(index: Index, queries: Matrix, selection: Selection) -> str:
    rows = list(range(len(queries)))

    def by_bytes() -> object:
        return index._search_bytes(queries, _K, {selection: rows})

    def by_faiss() -> list[object]:
        return spread(lambda row: index.search(queries[row : row + 1], _K, selection), rows)

    for row, found in index._search_bytes(queries, _K, {selection: rows}).items():
        [scores], [ids] = index.search(queries[row : row + 1], _K, selection)
        assert found[1].tolist() == ids.tolist()
        assert found[0].tolist() == scores.tolist()
    times = [_milliseconds(work) / len(rows) for work in (by_faiss, by_bytes)]
    chosen = "bytes" if pays({selection: rows}, len(index)) else "FAISS"
    return f"| {selection.count / len(index):.0%} | {len(rows)} | {times[0]:.1f} | {times[1]:.1f} | {chosen} |"


def main(folder: Path) -> None:
    """Print the table for the corpus in a folder."""
    vectors: Matrix = np.concatenate([np.load(path) for path in sorted((folder / "embeddings").glob("*.npy"))])
    basis = np.load(folder / "basis.npy")
    queries = (np.random.default_rng(7).standard_normal((32, len(basis))) @ basis).astype(np.float32)
    index = Index.build(vectors.astype(np.float32))
    print("| accessible | queries at once | ms per query, FAISS | bytes | the farm takes |")
    print("| --- | --- | --- | --- | --- |")
    for share in (0.05, 0.2, 0.57, 1.0):
        for count in (1, 4, 8, 32):
            print(_row(index, queries[:count], _selection(len(index), share)), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
