"""Decides whether a call is repeated after a failure, how often, and after what pause."""

from __future__ import annotations

import random

from farm.client.calls import Pause
from farm.client.failures import Failure

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 10.0
# A farm that asks for a longer pause than this is not just busy for a moment. The user then gets the error at once.
_LONGEST_RETRY_AFTER_S = 120.0


class Retries:
    """The tries that are left for one call, or for one stream of results.

    Args:
        limit: how many times in a row the call may be repeated.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._failed = 0

    def reset(self) -> None:
        """Set the count of failed tries back to 0, because something arrived."""
        self._failed = 0

    def pause(self, failure: Failure) -> Pause:
        """Return the pause before the next try.

        Raises:
            FarmError: the failure's own error, if another try cannot help or no try is left.
        """
        self._failed += 1
        asked_s = failure.retry_after_s or 0.0
        if not failure.retryable or self._failed > self._limit or asked_s > _LONGEST_RETRY_AFTER_S:
            raise failure.error
        return Pause(asked_s + self._backoff_s())

    def _backoff_s(self) -> float:
        ceiling = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** (self._failed - 1))
        # The pause is random: clients that lost the farm at the same time must not all come back at the same time.
        return ceiling * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
