"""A batch's outlook: the figures that decide whether a run is deferred when the run outlasts its time slice.

A run begins with a time slice that is shorter than its full time. A run that outlasts its slice either goes on or is
deferred: it is ended, and its item runs again later, with its full time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from farm.store.client import RedisClient
from farm.store.connection import translated
from farm.store.scripts import Scripts


@dataclass(frozen=True, slots=True)
class Outlook:
    """The state of a batch at the moment when one of its runs outlasts its time slice.

    Attributes:
        processes: how many Lean processes may work on batches.
        fresh: how many proofs of the batch are waiting for their first run; 0 if another batch is waiting. If very many
            headers have waiting proofs, this is an estimate from some of them.
        deferred: how many proofs of the batch have been deferred so far.
        outlasted: how many runs of the batch have outlasted their slice so far, including the present run.
        returned: how many of the `outlasted` runs went on and ended in a decision.
        timeouts: how many verdicts in the batch have the reason `timeout`.
        decided: how many verdicts in the batch are accepted or rejected.
        worked_s: how many seconds of work the batch has taken; timeouts and deferred runs count too.
        others_wait: whether another batch is waiting for the same processes. If proofs wait under more than a thousand
            headers, a batch of the same key that waits under yet another header may be missed.
        going_on_s: how many seconds of its full time each of the batch's other runs has left. Only runs that go on
            after their slice are listed.
    """

    processes: int
    fresh: int
    deferred: int
    outlasted: int
    returned: int
    timeouts: int
    decided: int
    worked_s: float
    others_wait: bool
    going_on_s: tuple[float, ...] = ()


class Outlooks:
    """Records the runs that outlast their slices, and returns the outlook of their batches.

    Args:
        client: the store.
    """

    def __init__(self, client: RedisClient) -> None:
        self._scripts = Scripts(client)

    def outlasted(self, lease: str, index: int, left_s: float) -> Outlook | None:
        """Record that a run has outlasted its slice and goes on; return the batch's outlook.

        The record stands until the run's item leaves the lease.

        Args:
            lease: the lease of the run.
            index: the index of the run's item.
            left_s: the seconds left of the run's full time.

        Returns:
            None if the lease is gone, or no longer holds the item.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        with translated():
            reply = cast("list[int | bytes]", self._scripts.run("batch_outlook", lease, index, round(1000 * left_s)))
        if not reply:
            return None
        processes, fresh, deferred, outlasted, returned, timeouts, decided, worked_s, others_wait = map(
            float, reply[:9]
        )
        return Outlook(
            processes=int(processes),
            fresh=int(fresh),
            deferred=int(deferred),
            outlasted=int(outlasted),
            returned=int(returned),
            timeouts=int(timeouts),
            decided=int(decided),
            worked_s=worked_s,
            others_wait=bool(others_wait),
            going_on_s=tuple(int(each) / 1000 for each in reply[9:]),
        )
