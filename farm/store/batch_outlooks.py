"""The figures about a batch that decide whether a run which outlasts its time slice is deferred."""

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
        processes: Lean processes that may work on batches.
        fresh: proofs of the batch that are waiting for their first run.
        deferred: proofs of the batch that have been deferred so far.
        outlasted: runs of the batch that have outlasted their slice so far, including the present run.
        returned: how many of the `outlasted` runs went on and were decided.
        timeouts: verdicts in the batch with the reason `timeout`.
        decided: verdicts in the batch that are accepted or rejected.
        worked_s: seconds of work on the batch, timeouts and deferred runs included.
        others_wait: whether another batch is waiting for these processes.
        going_on_s: for each other run that has outlasted its slice and goes on, the seconds left of its full time.
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
    """Counts the runs that outlast their slices.

    Args:
        client: the store.
    """

    def __init__(self, client: RedisClient) -> None:
        self._scripts = Scripts(client)

    def outlasted(self, lease: str, index: int, left_s: float) -> Outlook | None:
        """Record that a run goes on after its slice, until its item leaves the lease; return the batch's outlook.

        Args:
            lease: the lease of the run.
            index: the index of the run's item.
            left_s: the seconds left of the run's full time.

        Returns:
            None when the lease is gone, or no longer holds the item.

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
