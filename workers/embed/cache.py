"""Keeps the vectors of new premises, in memory and in Redis: users send the same premises with every goal."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import blake2b

import numpy as np

from farm.store.vectors import SharedVectors
from workers.embed.vectors import Vectors


class VectorCache:
    """The most recently used vectors. Texts are kept as digests, so a long text takes no more room than a short one.

    Args:
        size: how many vectors are kept in memory; a vector of 768 numbers takes about 3.2 kB.
        shared: the vectors in Redis, which all embed workers share; None if they share none.
    """

    def __init__(self, size: int, shared: SharedVectors | None = None) -> None:
        self._size = size
        self._shared = shared
        self._vectors: OrderedDict[bytes, Vectors] = OrderedDict()

    def __len__(self) -> int:
        return len(self._vectors)

    def find(self, embedder: str, dimension: int, texts: Sequence[str]) -> dict[str, Vectors]:
        """Return this embedder's vectors for those texts whose vectors are known; each is float32 `[dimension]`.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        digests = {text: _digest(embedder, text) for text in texts}
        found = {text: self._touch(digest) for text, digest in digests.items() if digest in self._vectors}
        missing = [text for text in texts if text not in found]
        if self._shared and missing:
            blobs = zip(missing, self._shared.get([digests[text] for text in missing]), strict=True)
            # A model without a revision may have been replaced by one of another dimension.
            more = {
                text: np.frombuffer(blob, np.float32) for text, blob in blobs if blob and len(blob) == 4 * dimension
            }
            self._keep({digests[text]: vector for text, vector in more.items()})
            found |= more
        return found

    def put(self, embedder: str, vectors: Mapping[str, Vectors]) -> None:
        """Keep vectors by their texts; the least recently used are dropped.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        # A copy, because a row keeps its whole matrix alive.
        kept = {_digest(embedder, text): vector.copy() for text, vector in vectors.items()}
        self._keep(kept)
        if self._shared and kept:
            self._shared.put({digest: vector.tobytes() for digest, vector in kept.items()})

    def _touch(self, digest: bytes) -> Vectors:
        self._vectors.move_to_end(digest)
        return self._vectors[digest]

    def _keep(self, vectors: Mapping[bytes, Vectors]) -> None:
        self._vectors.update(vectors)
        while len(self._vectors) > self._size:
            self._vectors.popitem(last=False)


def _digest(embedder: str, text: str) -> bytes:
    # The length of the embedder's name comes first. Without it, different pairs of a name and a text could be joined to
    # the same bytes.
    return blake2b(f"{len(embedder)} {embedder}{text}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
