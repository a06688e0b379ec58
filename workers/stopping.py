"""The flag by which a worker's parent tells its processes to end."""

from __future__ import annotations

import mmap


class StopFlag:
    """One byte that a parent shares with the processes it forks later.

    Reading a `multiprocessing.Event` takes a lock, and each process would take it ten times a second. If one were
    killed while it held the lock, every other process of the worker would wait for ever.
    """

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, 1)

    def set(self) -> None:
        """Tell every process to end soon."""
        self._page[0] = 1

    def is_set(self) -> bool:
        """Whether this process is to end soon."""
        return self._page[0] == 1
