"""The cache of vectors: what is kept, what goes, and what never mixes."""

from __future__ import annotations

import numpy as np

from workers.embed.cache import VectorCache
from workers.embed.vectors import Vectors


def row(value: float) -> Vectors:
    return np.full(4, value, np.float32)


def test_a_vector_comes_back_for_its_text_and_embedder_only() -> None:
    cache = VectorCache(8)
    cache.put("one", {"text": row(1)})
    np.testing.assert_array_equal(cache.get("one", "text"), row(1))
    assert cache.get("two", "text") is None
    assert cache.get("onet", "ext") is None
    assert cache.get("one", "other") is None


def test_the_least_recently_used_goes() -> None:
    cache = VectorCache(2)
    cache.put("e", {"a": row(1), "b": row(2)})
    cache.get("e", "a")
    cache.put("e", {"c": row(3)})
    assert len(cache) == 2
    assert cache.get("e", "b") is None
    assert cache.get("e", "a") is not None
    assert cache.get("e", "c") is not None


def test_more_than_fits_at_once_leaves_the_last() -> None:
    cache = VectorCache(2)
    cache.put("e", {str(index): row(index) for index in range(100)})
    assert [cache.get("e", name) is not None for name in ("97", "98", "99")] == [False, True, True]


def test_a_kept_row_does_not_keep_its_matrix_alive() -> None:
    cache, matrix = VectorCache(2), np.ones((1000, 4), np.float32)
    cache.put("e", {"a": matrix[0]})
    matrix[:] = 7
    kept = cache.get("e", "a")
    assert kept is not None
    assert kept.base is None
    np.testing.assert_array_equal(kept, row(1))


def test_a_text_that_is_not_unicode_is_a_key_as_well() -> None:
    cache = VectorCache(2)
    cache.put("e", {"\ud800": row(1)})
    assert cache.get("e", "\ud800") is not None
    assert cache.get("e", "\ud801") is None
