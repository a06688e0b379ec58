"""Time slices: how long a proof may run before the farm decides whether to defer it in favour of others.

A proof that outlasts its slice is deferred only if this does not make its batch end later; otherwise it goes on. A
deferred proof goes to the end of the batch, and runs again there with its full time. So a deferral delays a verdict,
but does not change it. Deferring kills the REPL, as a timeout does. The time of the slice is then lost, and the header
has to be loaded again for the next proof. docs/scheduling.md has the reasons and measurements.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from farm.errors import StoreUnavailable
from farm.store.batch_outlooks import Outlook, Outlooks
from farm.store.claims import Claim, ClaimedItem

_ENOUGH_RUNS = 100
_SHORTEST_S = 2.0
_ENOUGH_LONG = 5
_ENOUGH_TO_COME = 3.0
# This is short, because nobody reads from the REPL while the store is asked.
_ANSWER_WITHIN_S = 1.0


@dataclass(slots=True)
class Slice:
    """The slice of one run.

    Attributes:
        seconds: how long the slice is.
        goes_on: called when the slice ends; says whether the run goes on.
        ends_at: when the slice ends, on the monotonic clock.
        is_deferred: whether the run had to stop at the end of the slice.
    """

    seconds: float
    goes_on: Callable[[], bool]
    ends_at: float = field(init=False)
    is_deferred: bool = False

    def __post_init__(self) -> None:
        self.ends_at = time.monotonic() + self.seconds

    def end(self) -> bool:
        """Decide whether the run goes on after the slice, and return the decision; it is made only once."""
        self.ends_at = float("inf")
        self.is_deferred = not self.goes_on()
        return not self.is_deferred


class Slices:
    """Gives runs their slices.

    Args:
        outlooks: asks the store what is known about a batch; with None, every run has its full time.
    """

    def __init__(self, outlooks: Outlooks | None = None) -> None:
        self._outlooks = outlooks

    def of(self, item: ClaimedItem, claim: Claim, load_s: float) -> Slice | None:
        """Return the slice of a run that begins now; None if the run has its full time in any case."""
        outlooks, timeout_s = self._outlooks, claim.options["timeout_s"]
        if outlooks is None or item.slow:
            return None
        slice_s = first_slice_s(timeout_s, claim.timed, claim.longest_s, load_s)
        if slice_s is None:
            return None

        def ask() -> Outlook | None:
            return outlooks.outlasted(claim.lease, item.index, timeout_s - slice_s)

        def goes_on() -> bool:
            found = _answer_in_time(ask)
            return found is None or not is_worth_deferring(found, slice_s, timeout_s, load_s)

        return Slice(slice_s, goes_on)


def _answer_in_time(ask: Callable[[], Outlook | None]) -> Outlook | None:
    """Return the store's answer, or None if it takes too long: while this process waits, the run's time passes."""
    found: list[Outlook | None] = []

    def keep() -> None:
        with suppress(StoreUnavailable):
            found.append(ask())

    asking = threading.Thread(target=keep, name="outlook", daemon=True)
    asking.start()
    asking.join(_ANSWER_WITHIN_S)
    return found[0] if found else None


def first_slice_s(timeout_s: float, timed: int, longest_s: float, load_s: float) -> float | None:
    """Return the seconds of a slice. If a slice would not pay off, return None: the run then has its full time.

    There is no slice until 100 runs of the batch have been decided. A slice is as long as the longest decided run, but
    at least 2 s. If n runs have been decided, the next run that ends by itself outlasts them all with probability
    1 / (n + 1), by the rule of succession. A deferral costs the time of the slice, which is lost, and the loading of
    the header. It saves the rest of the full time. A slice pays off if a deferral saves more than it costs.

    Args:
        timeout_s: the full time.
        timed: how many runs of the batch have been decided so far.
        longest_s: the seconds of the longest of these runs.
        load_s: seconds that the REPL takes to start and to load the header.
    """
    if timed < _ENOUGH_RUNS:
        return None
    slice_s = max(_SHORTEST_S, longest_s)
    return slice_s if timeout_s - slice_s > slice_s + load_s else None


def is_worth_deferring(outlook: Outlook, slice_s: float, timeout_s: float, load_s: float) -> bool:
    """Return whether a run that outlasted its slice should make room for others of its batch.

    An item is fresh if it has not run yet; a run is endless if only its timeout ends it. Without deferrals, the last
    endless run of a batch begins when hardly any fresh item is left, and the batch ends one timeout later. With
    deferrals, the batch ends no later than that, provided that all deferred runs begin together when the last fresh
    item has been taken. Three groups of runs need processes then: the deferred runs, the runs that are still going on,
    and the further runs that are expected to outlast their slice. So a run is deferred only if there are enough
    processes for all three groups.

    Args:
        outlook: what is known about the batch.
        slice_s: seconds that the run has taken so far.
        timeout_s: the run's full time.
        load_s: seconds that the REPL takes to start and to load a header.
    """
    if outlook.fresh <= 0 or outlook.others_wait:
        return False
    # Defer nothing until the batch has shown that its runs do not end if they outlast their slice.
    aged = sum(timeout_s - left_s > 2 * slice_s for left_s in outlook.going_on_s)
    if outlook.timeouts + aged < _ENOUGH_LONG:
        return False
    long = outlook.outlasted - outlook.returned
    share = long / (outlook.decided + long)
    to_come = share * outlook.fresh
    if not outlook.deferred and to_come < _ENOUGH_TO_COME:
        return False
    worked_s = max(0.0, outlook.worked_s - outlook.timeouts * timeout_s - outlook.deferred * slice_s)
    fresh_s = outlook.fresh * (worked_s / max(1, outlook.decided) + share * slice_s)
    # Until no fresh item waits, the runs that go on now end one after the other, and leave their processes to fresh
    # items. So on average over this time, half of these processes run fresh items.
    until_s = fresh_s / max(1.0, outlook.processes - len(outlook.going_on_s) / 2)
    if until_s < slice_s + load_s:
        return False
    still = sum(left_s > until_s for left_s in outlook.going_on_s)
    return outlook.deferred + 1 + still + to_come <= outlook.processes
