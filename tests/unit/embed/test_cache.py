"""The cache of vectors: what is kept, what is dropped, and what is never mixed up."""

from __future__ import annotations

import numpy as np

from farm.store.vectors import SharedVectors
from tests.support.open_store import OpenStore
from workers.embed.cache import VectorCache
from workers.embed.vectors import Vectors


def row(value: float) -> Vectors:
    return np.full(4, value, np.float32)


def get(cache: VectorCache, embedder: str, text: str) -> Vectors | None:
    return cache.find(embedder, 4, [text]).get(text)


def test_a_vector_comes_back_for_its_text_and_embedder_only() -> None:
    cache = VectorCache(8)
    cache.put("one", {"text": row(1)})
    np.testing.assert_array_equal(get(cache, "one", "text"), row(1))
    assert get(cache, "two", "text") is None
    assert get(cache, "onet", "ext") is None
    assert get(cache, "one", "other") is None


def test_the_least_recently_used_goes() -> None:
    cache = VectorCache(2)
    cache.put("e", {"a": row(1), "b": row(2)})
    get(cache, "e", "a")
    cache.put("e", {"c": row(3)})
    assert len(cache) == 2
    assert get(cache, "e", "b") is None
    assert get(cache, "e", "a") is not None
    assert get(cache, "e", "c") is not None


def test_more_than_fits_at_once_leaves_the_last() -> None:
    cache = VectorCache(2)
    cache.put("e", {str(index): row(index) for index in range(100)})
    assert [get(cache, "e", name) is not None for name in ("97", "98", "99")] == [False, True, True]


def test_a_kept_row_does_not_keep_its_matrix_alive() -> None:
    cache, matrix = VectorCache(2), np.ones((1000, 4), np.float32)
    cache.put("e", {"a": matrix[0]})
    matrix[:] = 7
    kept = get(cache, "e", "a")
    assert kept is not None
    assert kept.base is None
    np.testing.assert_array_equal(kept, row(1))


def test_a_text_that_is_not_unicode_is_a_key_as_well() -> None:
    cache = VectorCache(2)
    cache.put("e", {"\ud800": row(1)})
    assert get(cache, "e", "\ud800") is not None
    assert get(cache, "e", "\ud801") is None


# Shared by all workers


def test_what_one_worker_embedded_another_finds(client: OpenStore) -> None:
    mine, yours = (VectorCache(8, SharedVectors(client)) for _ in range(2))
    mine.put("e@1", {"a": row(1), "b": row(2)})

    found = yours.find("e@1", 4, ["b", "c", "a"])

    assert {text: vector.tolist() for text, vector in found.items()} == {"a": [1.0] * 4, "b": [2.0] * 4}
    assert yours.find("e@2", 4, ["a", "b"]) == {}, "another revision"
    assert VectorCache(8, SharedVectors(client)).find("e@1", 5, ["a"]) == {}, "another dimension under the same name"
    client.flushall()
    assert get(yours, "e@1", "a") is not None, "it is in memory now"


def test_the_shared_tier_is_bounded_and_the_least_recently_used_goes(client: OpenStore) -> None:
    entry = 4 * 4 + 200
    cache = VectorCache(0, SharedVectors(client, most_bytes=600 * entry))
    for wave in range(3):
        cache.put("e", {f"{wave} {at}": row(at) for at in range(300)})
        assert client.hlen("farm:vectors") == client.zcard("farm:vectors:used") == min(300 * (wave + 1), 600)
        assert int(client.get("farm:vectors:bytes")) == entry * client.hlen("farm:vectors")
        assert get(cache, "e", "0 7") is not None, "it is used in every wave"
    assert sum(len(cache.find("e", 4, [f"{wave} {at}" for at in range(300)])) for wave in (1, 2)) >= 590
    cache.put("e", {"2 1": row(1)})
    assert int(client.get("farm:vectors:bytes")) == entry * client.hlen("farm:vectors"), "what is there counts once"
