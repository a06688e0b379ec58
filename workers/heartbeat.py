"""The heartbeat of a worker process: a thread that reports to Redis every two seconds, even during a long proof."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable

import structlog

from farm.errors import StoreUnavailable
from farm.processes import host_of_ids, process_identity
from farm.store.registry import Alive, Registry
from workers.background_threads import BackgroundThread

BEAT_S = 2.0
# Long enough for a beat, which tries to reach Redis for half a minute before it gives up.
_STUCK_S = 120.0

_log = structlog.get_logger()


def worker_id() -> str:
    """Return the name of this process: host, pid and start, so that no other process ever has the same name."""
    return f"{host_of_ids()}:{process_identity(os.getpid())}"


class Heartbeat(BackgroundThread):
    """Beats every two seconds, and at once when told that something changed.

    Args:
        registry: where the signs of life go.
        describe: returns the fields of `WorkerStatus` to show.
        lease: returns the lease to renew, empty between claims.
        on_alive: called with the lease and the store's answer about it.
        hand_in: adds what this process counted to the farm's figures.
    """

    def __init__(
        self,
        registry: Registry,
        describe: Callable[[], dict[str, str | float]],
        lease: Callable[[], str] = str,
        on_alive: Callable[[str, Alive], None] = lambda _lease, _alive: None,
        hand_in: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__("heartbeat", _STUCK_S)
        self._registry = registry
        self._describe = describe
        self._lease = lease
        self._on_alive = on_alive
        self._hand_in = hand_in
        self._changed = threading.Event()
        self._ended = threading.Event()

    def beat(self) -> None:
        """Give one sign of life now, in the caller's thread.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        lease = self._lease()
        alive = self._registry.beat(lease=lease, host=socket.gethostname(), pid=os.getpid(), **self._describe())
        if lease:
            self._on_alive(lease, alive)
        self._hand_in()

    def hurry(self) -> None:
        """Make the heartbeat's thread beat at once."""
        self._changed.set()

    def work(self) -> None:
        """Beat until told to end."""
        while not self._ended.is_set():
            self.turn()
            try:
                self.beat()
            except StoreUnavailable as error:
                _log.warning("heartbeat.missed", error=error.message)
            self._changed.wait(BEAT_S)
            self._changed.clear()

    def end(self) -> None:
        """Stop beating, and remove this process from the list of live processes."""
        self._ended.set()
        self._changed.set()
        self.join(timeout=1)
        try:
            self._hand_in()
            self._registry.leave()
        except StoreUnavailable as error:
            _log.warning("heartbeat.leave_failed", error=error.message)
