"""How long a proof may run at first, so that the few that never end do not hold up the many that do.

A proof whose slice expires goes to the end of its batch and then has its full time: the same verdict, only later.
An expired slice kills the REPL, as a timeout does, and the next proof pays for the header.
"""

from __future__ import annotations

_ENOUGH_RUNS = 100
_MARGIN = 2.0
_SHORTEST_S = 2.0


def first_slice_s(timeout_s: float, timed: int, longest_s: float, load_s: float) -> float | None:
    """Return the seconds of the first slice; None if it would not pay, so that a proof has its full time at once.

    A slice is twice the longest of at least 100 decided runs of the batch. For one that never ends it saves the rest of
    the timeout before the other proofs; for one that would have ended it costs the slice and a header load. It is used
    if the saving is larger than that cost. By the rule of succession, proofs that never end are by far the likelier.

    Args:
        timeout_s: the full time.
        timed: decided runs of the batch so far.
        longest_s: the longest of them.
        load_s: what the header takes to load, with the start of the REPL.
    """
    if timed < _ENOUGH_RUNS:
        return None
    slice_s = max(_SHORTEST_S, _MARGIN * longest_s)
    return slice_s if timeout_s - slice_s > slice_s + load_s else None
