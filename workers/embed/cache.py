"""Vectors of new premises, kept in memory: a user sends the same ones with every goal."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b

from workers.embed.vectors import Vectors


class VectorCache:
    """The most recently used vectors. Texts are kept as digests, so a long text takes no more room than a short one.

    Args:
        size: how many vectors are kept; of 768 numbers, each takes about 3.2 kB.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._vectors: OrderedDict[bytes, Vectors] = OrderedDict()

    def __len__(self) -> int:
        return len(self._vectors)

    def get(self, embedder: str, text: str) -> Vectors | None:
        """Return the vector, float32 `[d]`, that this embedder gave to a text."""
        key = _key(embedder, text)
        if key not in self._vectors:
            return None
        self._vectors.move_to_end(key)
        return self._vectors[key]

    def put(self, embedder: str, vectors: Mapping[str, Vectors]) -> None:
        """Keep vectors by their texts; the least recently used go."""
        for text, vector in vectors.items():
            # A copy, because a row keeps its whole matrix alive.
            self._vectors[_key(embedder, text)] = vector.copy()
        while len(self._vectors) > self._size:
            self._vectors.popitem(last=False)


def _key(embedder: str, text: str) -> bytes:
    # Hashed together with its length, so that no pair of names and texts runs into another.
    return blake2b(f"{len(embedder)} {embedder}{text}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
