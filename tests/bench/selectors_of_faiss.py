"""FAISS's kinds of selectors for the same premises, compared: python -m tests.bench.selectors_of_faiss VECTORS.npy

One query at a time, k = 48, half precision, one thread. `modules` are runs of 33, as modules are; docs/benchmarks.md
has the results.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

import faiss as _faiss
import numpy as np
import numpy.typing as npt

faiss: Any = _faiss

_K, _QUERIES, _ROUNDS, _RUN = 48, 12, 3, 33
_COUNTS = (100, 1000, 11_500, 57_500, 131_000)
Ids = npt.NDArray[np.int64]


def _selections(total: int, count: int) -> dict[str, Ids]:
    rng = np.random.default_rng(0)
    first = int(rng.integers(0, total - count + 1))
    runs = np.sort(rng.choice(total // _RUN, max(count // _RUN, 1), replace=False))
    return {
        "scattered": np.sort(rng.choice(total, count, replace=False)),
        "modules": (runs[:, None] * _RUN + np.arange(_RUN)).ravel(),
        "one range": np.arange(first, first + count),
    }


def _selectors(ids: Ids, total: int, shape: str) -> dict[str, Any]:
    mask = np.zeros(total, np.bool_)
    mask[ids] = True
    found = {
        "bitmap": faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little")),
        "batch": faiss.IDSelectorBatch(ids),
    }
    if shape == "one range":
        found["range"] = faiss.IDSelectorRange(int(ids[0]), int(ids[-1]) + 1, True)
    return found


def _medians_ms(index: Any, queries: npt.NDArray[np.float32], selectors: dict[str, Any]) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in selectors}
    for row in [*range(len(queries))] * _ROUNDS:
        for name, selector in selectors.items():  # in turn, because the machine is shared
            started = time.perf_counter()
            index.search(queries[row : row + 1], _K, params=faiss.SearchParameters(sel=selector))
            taken[name].append(time.perf_counter() - started)
    return {name: round(statistics.median(each) * 1000, 2) for name, each in taken.items()}


def main(path: str) -> None:
    """Print milliseconds per query, by how many premises can be seen and where they are."""
    vectors = np.load(path)
    total, dimension = vectors.shape
    index = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    index.add(vectors)
    faiss.omp_set_num_threads(1)
    queries = np.random.default_rng(1).standard_normal((_QUERIES, dimension)).astype(np.float32)
    for count in _COUNTS:
        for shape, ids in _selections(total, count).items():
            print(count, shape, _medians_ms(index, queries, _selectors(ids, total, shape)))
    print(
        total,
        "all",
        _medians_ms(index, queries, {"none": None, "bitmap": _selectors(np.arange(total), total, "")["bitmap"]}),
    )


if __name__ == "__main__":
    main(sys.argv[1])
