"""Claims this process's work from the store, in chunks.

A chunk is the items that one claim takes together, under one lease. These items come from one lane, which is the queue
of the items with the same environment, header and trust domain.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field

import structlog

from farm.store.claims import Claim, ClaimedItem, Warmth
from farm.store.leases import DeclaredBad, Finished, Leases, Result

CHUNK = 16
# A chunk should last about this long. If chunks were much shorter, their claims would take a large part of the time; if
# they were much longer, work would be shared less fairly.
_CHUNK_S = 2.0
_FIRST_GUESS_S = 0.1

_log = structlog.get_logger()


@dataclass(slots=True)
class Chunk:
    """A claim, and those of its items that have not begun. The heartbeat's thread may give these items back.

    Attributes:
        claim: the claim, with the figures about its batch kept up to date.
        rest: the items that have not begun.
        under_way: the write that has begun and whose outcome has not been read yet; None if there is none.
        written: how many of the written verdicts were the first for their proofs.
        goes_on: whether this process still has to run the rest, as far as it knows.
        in_groups: whether verdicts are written in groups, so that several items may have run since the last write. If
            so, the lease does not say which item runs; otherwise the lease names that item.
    """

    claim: Claim
    rest: deque[ClaimedItem]
    under_way: Future[Finished] | None = None
    written: int = 0
    goes_on: bool = True
    in_groups: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> ClaimedItem | None:
        """Return the next item to run; None if none is left."""
        with self.lock:
            return self.rest.popleft() if self.rest else None

    def drop_rest(self) -> list[int]:
        """Return the indices of the items that have not begun, and forget those items."""
        with self.lock:
            indices = [item.index for item in self.rest]
            self.rest.clear()
            return indices

    def known(self) -> list[Result]:
        """Return the verdicts that the farm already had on items of this claim."""
        return [
            item.known.model_copy(
                update={
                    "id": item.id,
                    "index": item.index,
                    "cached": True,
                    "queue_s": self.claim.queued_s,
                    "attempts": 0,
                }
            )
            for item in self.claim.items
            if item.known
        ]


class Claims:
    """Claims chunks for one process.

    The size of a chunk follows from how long earlier runs took. The lane whose header is loaded is preferred.

    Args:
        leases: the store.
        environment: the Lean environment that this process serves.
        worker: the name of the process.
        revision: the versions that this process judges with, in the form that `Leases.claim` takes.

    Attributes:
        in_hand: the chunk that is being run; None between chunks. Other threads read it.
        declared_bad: a sentence that names the part of the revision that was declared bad; empty if no part was. As
            long as a part is declared bad, this process gets no work.
    """

    def __init__(self, leases: Leases, environment: str, worker: str, revision: str) -> None:
        self._leases = leases
        self._environment = environment
        self.worker = worker
        self._revision = revision
        self.in_hand: Chunk | None = None
        self.declared_bad = ""
        self._mean_s = _FIRST_GUESS_S
        self._lane = ""
        self._owner = ""

    def take(self, load_s: float, *, in_groups: bool = False, has_token: bool = True) -> Chunk | None:
        """Claim the next chunk, and hold it until `put_down`.

        Args:
            load_s: seconds that a change of the header would take.
            in_groups: whether verdicts may be written in groups.
            has_token: as in `Leases.claim`.

        Returns:
            The chunk; None if nothing waits, or if this process must not judge.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        claim = self._claim(Warmth(self._lane, self._owner, load_s), in_groups, has_token)
        if claim is None:
            return None
        chunk = Chunk(claim, deque(item for item in claim.items if item.known is None))
        # By the same rule, claim.lua decides whether the lease names the item that runs.
        chunk.in_groups = in_groups and not claim.is_interactive and len(chunk.rest) > 1
        if chunk.rest:
            self._lane, self._owner = claim.lane, claim.owner
        self.in_hand = chunk
        return chunk

    def put_down(self) -> None:
        """Stop holding the chunk: its lease is no longer renewed."""
        self.in_hand = None

    def learn(self, run_s: float) -> None:
        """Adjust the size of the next chunks to the seconds that an item took."""
        self._mean_s = 0.8 * self._mean_s + 0.2 * max(0.001, run_s)

    def _claim(self, warmth: Warmth, in_groups: bool, has_token: bool) -> Claim | None:
        most = max(1, min(CHUNK, int(_CHUNK_S / self._mean_s)))
        try:
            claim = self._leases.claim(
                self._environment,
                self.worker,
                warmth=warmth,
                most=most,
                revision=self._revision,
                in_groups=in_groups,
                has_token=has_token,
            )
        except DeclaredBad as bad:
            _log.error("worker.declared_bad", why=str(bad))
            self.declared_bad = str(bad)
            return None
        self.declared_bad = ""
        return claim
