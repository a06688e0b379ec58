"""How often a client may ask, and how many bytes of bodies are held in memory at once."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from farm.errors import RateLimited

# A burst of so many seconds' worth of requests is let through at once.
_BURST_S = 2.0
_MOST_NAMES = 10_000
_IPV6_NETWORK_BITS = 64

BUFFERED_LIMIT_BYTES = 128 << 20
_RETRY_AFTER_S = 1.0


class Pace:
    """A token bucket for each name, in this process.

    Args:
        per_s: requests per second that a name may make on average; 0 sets no limit.
    """

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._burst = per_s * _BURST_S
        # What a name has left, and since when; the last used comes last. A name that is missing has its whole burst.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, name: str) -> None:
        """Count one request.

        Raises:
            RateLimited: it is one too many; `retry_after_s` says when the next one is allowed.
        """
        if not self._per_s:
            return
        now = time.monotonic()
        left, at = self._left.pop(name, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._per_s)
        # A refused request costs nothing; otherwise a client that keeps asking would never be served again.
        self._left[name] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > _MOST_NAMES:
            self._left.popitem(last=False)
        if left < 1:
            raise RateLimited(
                f"More than {self._per_s} requests per second (MAX_REQUESTS_PER_S): send proofs and goals in batches",
                retry_after_s=(1 - left) / self._per_s,
                details={"limit": "requests"},
            )


def address_name(host: str) -> str:
    """Return the name under which an address is counted; an IPv6 client has a whole network of addresses."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        return f"{int(address) >> (128 - _IPV6_NETWORK_BITS):x}::/{_IPV6_NETWORK_BITS}"
    return host


class Buffered:
    """The bytes of request bodies that this process holds; one key gets at most half of what there is.

    Args:
        limit_bytes: for all keys together.
    """

    def __init__(self, limit_bytes: int = BUFFERED_LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._held: Counter[str] = Counter()

    def has_room(self, owner: str, size_bytes: int) -> bool:
        """Whether an owner may hold this many more bytes."""
        total = self._held.total() + size_bytes
        return self._held[owner] + size_bytes <= self._limit_bytes // 2 and total <= self._limit_bytes

    def change(self, owner: str, size_bytes: int) -> None:
        """Count more, or less, for an owner."""
        self._held[owner] += size_bytes
        if not self._held[owner]:
            del self._held[owner]


@dataclass(slots=True)
class Holding:
    """What one request holds of its body until it is answered."""

    buffered: Buffered
    owner: str
    size_bytes: int = 0

    def add(self, size_bytes: int) -> None:
        """Hold more.

        Raises:
            RateLimited: this process holds too much already.
        """
        if not self.buffered.has_room(self.owner, size_bytes):
            raise RateLimited(
                "Too many large bodies at once: send fewer at a time, or NDJSON to /v1/batches",
                retry_after_s=_RETRY_AFTER_S,
                details={"limit": "buffered"},
            )
        self.buffered.change(self.owner, size_bytes)
        self.size_bytes += size_bytes

    def free(self) -> None:
        """Hold nothing any more."""
        self.buffered.change(self.owner, -self.size_bytes)
        self.size_bytes = 0
