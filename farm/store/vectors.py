"""Vectors of new premises, which all embed workers share.

The farm itself limits their total size, because Redis must not evict keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from farm.store.client import RedisClient
from farm.store.connection import translated
from farm.store.scripts import Scripts

MOST_BYTES = 256 << 20
# How many vectors one script reads or writes. Redis serves nobody else while a script runs.
_AT_ONCE = 256


class SharedVectors:
    """Reads and writes the shared vectors, over a worker's blocking client.

    Args:
        client: the client.
        most_bytes: how many bytes the vectors may take; if they take more, the least recently used are dropped.
    """

    def __init__(self, client: RedisClient, most_bytes: int = MOST_BYTES) -> None:
        self._scripts = Scripts(client)
        self._most_bytes = most_bytes

    def get(self, digests: Sequence[bytes]) -> list[bytes | None]:
        """Return the vector of each digest as float32 bytes; None if there is no vector.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        found: list[bytes | None] = []
        with translated():
            for at in range(0, len(digests), _AT_ONCE):
                reply = self._scripts.run("vectors", "get", *digests[at : at + _AT_ONCE])
                found += cast("list[bytes | None]", reply)
        return found

    def put(self, vectors: Mapping[bytes, bytes]) -> None:
        """Store vectors under their digests.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        parts = [part for pair in vectors.items() for part in pair]
        with translated():
            for at in range(0, len(parts), 2 * _AT_ONCE):
                self._scripts.run("vectors", "put", self._most_bytes, *parts[at : at + 2 * _AT_ONCE])
