"""Limits how many bytes of request bodies an API process holds in memory at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from farm.errors import RateLimited

BUFFERED_LIMIT_BYTES = 128 << 20
_RETRY_AFTER_S = 1.0


class Buffered:
    """Counts the bytes of request bodies that this process holds, for each owner.

    The requests of one owner may hold at most half of the limit.

    Args:
        limit_bytes: the limit for all keys together.
    """

    def __init__(self, limit_bytes: int = BUFFERED_LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._held: Counter[str] = Counter()

    def has_room(self, owner: str, size_bytes: int) -> bool:
        """Whether an owner may hold this many more bytes."""
        total = self._held.total() + size_bytes
        return self._held[owner] + size_bytes <= self._limit_bytes // 2 and total <= self._limit_bytes

    def change(self, owner: str, size_bytes: int) -> None:
        """Add a number of bytes to an owner's count; a negative number subtracts bytes."""
        self._held[owner] += size_bytes
        if not self._held[owner]:
            del self._held[owner]


@dataclass(slots=True)
class Holding:
    """The bytes of one request's body, held until the request is answered, or until they are stored (NDJSON)."""

    buffered: Buffered
    owner: str
    size_bytes: int = 0

    def add(self, size_bytes: int) -> None:
        """Hold this many more bytes.

        Raises:
            RateLimited: this process would hold too many bytes, in total or for this owner.
        """
        if not self.buffered.has_room(self.owner, size_bytes):
            raise RateLimited(
                "Too many large bodies at once: send fewer at a time, or NDJSON with shorter lines to /v1/batches",
                retry_after_s=_RETRY_AFTER_S,
                details={"limit": "buffered"},
            )
        self.buffered.change(self.owner, size_bytes)
        self.size_bytes += size_bytes

    def release(self, size_bytes: int) -> None:
        """Hold this many fewer bytes."""
        self.buffered.change(self.owner, -size_bytes)
        self.size_bytes -= size_bytes

    def free(self) -> None:
        """Release everything that is held."""
        self.release(self.size_bytes)
