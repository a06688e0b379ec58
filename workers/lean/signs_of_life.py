"""What a Lean process reports in each heartbeat, and how it reacts to the store's answer."""

from __future__ import annotations

from farm.store.registry import Alive
from workers.lean.claims import Claims
from workers.lean.engine import Engine
from workers.lean.verdict_writer import VerdictWriter
from workers.lean.watchdog import Interruption

# When one proof runs longer than this, the rest of the chunk is given back to run elsewhere.
_SHED_AFTER_S = 2.0


class SignsOfLife:
    """Reports on the claimed chunk from the heartbeat's thread, while another thread runs the chunk.

    Args:
        claims: holds the chunk that is being run.
        writer: gives items back.
        engine: runs the items.
    """

    def __init__(self, claims: Claims, writer: VerdictWriter, engine: Engine) -> None:
        self._claims = claims
        self._writer = writer
        self._engine = engine

    def lease(self) -> str:
        """Return the id of the lease that this process holds; empty between claims."""
        chunk = self._claims.in_hand
        return chunk.claim.lease if chunk else ""

    def on_alive(self, lease: str, alive: Alive) -> None:
        """React to the store's answer to a sign of life.

        If the lease is lost or the batch is cancelled, end the present run. Otherwise, if one proof runs for long, give
        back the items that wait behind it.

        Raises:
            StoreUnavailable: Redis was away for a minute.
        """
        chunk = self._claims.in_hand
        if chunk is None or chunk.claim.lease != lease:
            return
        if not alive.lease_alive:
            chunk.drop_rest()
            self._engine.interrupt(Interruption.LEASE_LOST)
        elif alive.cancelled:
            self._engine.interrupt(Interruption.CANCELLED)
        elif self._engine.running_s() > _SHED_AFTER_S and (indices := chunk.drop_rest()):
            self._writer.give_back(chunk.claim, indices)

    def describe(self) -> dict[str, str | float]:
        """Return the fields of `WorkerStatus` that this process reports."""
        failure = self._claims.declared_bad or self._engine.failure
        return {
            "state": "failed" if failure else "busy" if self._claims.in_hand else "idle",
            "notice": failure or self._engine.warning,
            **self._engine.describe(),
        }
