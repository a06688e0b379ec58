"""Limits on the work that the farm holds: per key, in total, and by Redis's memory."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import cast

from farm.errors import RateLimited
from farm.store.client import AsyncRedisClient
from farm.store.connection import translated

# If Redis uses more than this share of its memory, the farm takes no new batch: the verdicts on the batches that Redis
# already holds must still fit.
MEMORY_HIGH_WATER = 0.85
_MEMORY_LOOK_S = 1.0
_RETRY_AFTER_S = 30.0
_TEXTS = {
    "owner_items": "This key has {owner_proofs} proofs without a verdict in the farm (QUOTA_PROOFS): wait for verdicts",
    "owner_bytes": "This key's batches take {owner_mb} MB (QUOTA_MB): wait until some expire",
    "items": "The farm holds {proofs} proofs without a verdict (MAX_PENDING_PROOFS): try again later",
    "bytes": "The farm's batches take {mb} MB (MAX_STORED_MB): try again later",
}


@dataclass(slots=True)
class Quotas:
    """The limits on what the farm holds; a submission that would exceed one is refused.

    The storage of a batch counts until the retention of the batch ends.

    Attributes:
        owner_proofs: how many proofs without a verdict one key may have.
        owner_mb: how many MB the stored proofs and verdicts of one key may take.
        proofs: how many proofs without a verdict all keys together may have.
        mb: how many MB the stored proofs and verdicts of all keys together may take.
    """

    owner_proofs: int
    owner_mb: int
    proofs: int
    mb: int
    _looked_at: float = field(default=float("-inf"), init=False)
    _memory_share: float = field(default=0.0, init=False)

    @property
    def limits(self) -> tuple[int, int, int, int]:
        """The limits in the order in which stage.lua takes them, with sizes in bytes."""
        return self.owner_proofs, self.owner_mb << 20, self.proofs, self.mb << 20

    def refusal(self, reached: str) -> RateLimited:
        """Return the error for a submission that stage.lua has refused; `reached` names the limit."""
        limits = {"owner_proofs": self.owner_proofs, "owner_mb": self.owner_mb, "proofs": self.proofs, "mb": self.mb}
        return RateLimited(_TEXTS[reached].format(**limits), retry_after_s=_RETRY_AFTER_S, details={"limit": reached})

    async def require_memory(self, client: AsyncRedisClient) -> None:
        """Check that Redis has memory for another batch; its memory use is read at most once a second.

        Raises:
            RateLimited: the memory of Redis is nearly full.
        """
        if time.monotonic() - self._looked_at > _MEMORY_LOOK_S:
            with translated():
                memory = cast("dict[str, int]", await client.info("memory"))
            limit = memory["maxmemory"] or memory["total_system_memory"]
            self._memory_share, self._looked_at = memory["used_memory"] / limit, time.monotonic()
        if self._memory_share > MEMORY_HIGH_WATER:
            raise RateLimited(
                f"Redis uses {self._memory_share:.0%} of its memory: try again when batches have expired",
                retry_after_s=_RETRY_AFTER_S,
                details={"limit": "memory"},
            )


def unlimited() -> Quotas:
    """Return quotas without limits of their own, so that only the memory of Redis limits a submission."""
    return Quotas(1 << 40, 1 << 40, 1 << 40, 1 << 40)
