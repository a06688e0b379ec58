"""Rate limits: how many requests a client may make."""

from __future__ import annotations

import time
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address

from farm.errors import RateLimited

# A burst may have as many requests as are allowed in this many seconds.
_BURST_S = 2.0
_MOST_NAMES = 10_000
_IPV6_NETWORK_BITS = 64


class Pace:
    """A token bucket for each name, in this process.

    Args:
        per_s: requests per second that a name may make on average; 0 sets no limit.
    """

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._burst = per_s * _BURST_S
        # For each name, how many requests it had left, and at what time. The name used last is at the end. A name that
        # is not here has a whole burst left.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, name: str) -> None:
        """Count one request.

        Raises:
            RateLimited: the request is one too many; `retry_after_s` says when the next one is allowed.
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
    """Return the name under which requests from an address are counted.

    For IPv6, it names the /64 network of the address, because one client may own the whole network.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        return f"{int(address) >> (128 - _IPV6_NETWORK_BITS):x}::/{_IPV6_NETWORK_BITS}"
    return host
