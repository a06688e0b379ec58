"""The flag by which a worker's parent tells its processes to end."""

from __future__ import annotations

import mmap


class StopFlag:
    """One byte that a parent shares with the processes it forks later.

    A `multiprocessing.Event` will not do. To read the event, each process would take the event's lock ten times a
    second. If a process were killed while it held the lock, all others would wait for ever.
    """

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, 1)

    def set(self) -> None:
        """Tell every process to end soon."""
        self._page[0] = 1

    def is_set(self) -> bool:
        """Whether this process has to end soon."""
        return self._page[0] == 1
