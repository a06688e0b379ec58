"""Rings for Lean processes that linger: those that have found no work, and wait a while for more.

A ring stands for a token. It reaches a waiting process in a fraction of a millisecond, while Celery takes several
milliseconds to bring a token. The scripts ring first (`ring` in common.lua), and ask for tokens only for the rest.
"""

from __future__ import annotations

from farm.store.client import RedisClient
from farm.store.connection import translated
from farm.store.scripts import Scripts


class Lingering:
    """One process that may linger, over its own blocking client.

    Args:
        client: the client.
        environment: the Lean environment that the process serves.
        worker: the name of the process.
    """

    def __init__(self, client: RedisClient, environment: str, worker: str) -> None:
        self._client = client
        self._scripts = Scripts(client)
        self._environment = environment
        self._worker = worker
        self._ring = f"farm:ring:{worker}"

    def begin(self) -> None:
        """Count as lingering for two seconds. Then claim once more: work that came just before has rung for nobody.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        with translated():
            self._scripts.run("linger", self._environment, self._worker)

    def await_ring(self, timeout_s: float) -> bool:
        """Wait until somebody rings for this process; return whether this happened within the timeout.

        The ring stays until the process's next claim, which takes it, or until `end`.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        with translated():
            # BLMOVE leaves the ring where it is, so that the ring is still there if the reply gets lost.
            return self._client.blmove(self._ring, self._ring, timeout_s, "LEFT", "LEFT") is not None

    def end(self) -> bool:
        """Stop lingering; return whether somebody has rung for this process.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        with translated():
            self._client.zrem(f"farm:lingering:{self._environment}", self._worker)
            return bool(self._client.delete(self._ring))
