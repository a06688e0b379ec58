"""Watches the running proof from another thread: the proof's own thread may be stuck in a read or a parse."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from farm.processes import end_session, memory_mb, tree_memory_mb
from workers.background_threads import BackgroundThread

_STUCK_S = 60.0
_TICK_S = 0.1
# The session's leader, which runs Lean, is measured at each tick. Processes that it may have started are measured only
# at every tenth tick.
_TREE_EVERY_TICKS = 10
# A run has its own timeout; the watchdog ends a run that exceeds this timeout by the grace time.
_GRACE_S = 2.0


class Interruption(StrEnum):
    """Why a run was ended from outside."""

    MEMORY = "memory"
    DEADLINE = "deadline"
    CANCELLED = "cancelled"
    LEASE_LOST = "lease lost"
    STOPPING = "stopping"


@dataclass(slots=True)
class Watched:
    """The run under watch: the REPL's session, and the time on the monotonic clock at which the run will be stopped."""

    session: int
    deadline: float
    started: float
    interruption: Interruption | None = None


class Watchdog(BackgroundThread):
    """Ends a run that takes too much memory, exceeds its deadline, or is no longer wanted.

    Args:
        memory_limit_mb: how much resident memory the REPL's process tree may take.
        stopping: says whether this process has to stop.
        stop_grace_s: how long a run may go on once this process has to stop.
    """

    def __init__(self, memory_limit_mb: float, stopping: Callable[[], bool], stop_grace_s: float = 3.0) -> None:
        super().__init__("watchdog", _STUCK_S)
        self._memory_limit_mb = memory_limit_mb
        self._stopping = stopping
        self._stop_grace_s = stop_grace_s
        self._stop_seen: float | None = None
        self._lock = threading.Lock()
        self._watched: Watched | None = None
        self._ticks = 0

    def begin(self, session: int | None, timeout_s: float) -> None:
        """Watch a run of the REPL whose session id is `session`.

        If the REPL has just died, the id is None. There is then nothing to kill, and the run fails by itself.
        """
        now = time.monotonic()
        with self._lock:
            self._watched = Watched(session or 0, now + timeout_s + _GRACE_S, now)

    def end(self) -> Interruption | None:
        """Stop watching; return why the run was ended from outside, or None if it was not."""
        with self._lock:
            watched, self._watched = self._watched, None
        return watched.interruption if watched else None

    def running_s(self) -> float:
        """Return how many seconds the present run has taken so far; 0 between runs."""
        with self._lock:
            return time.monotonic() - self._watched.started if self._watched else 0.0

    def interrupt(self, interruption: Interruption, only: Watched | None = None) -> None:
        """End the present run, if there is one; if `only` is given, end no other run than this one."""
        with self._lock:
            watched = self._watched
            if watched and watched.interruption is None and (only is None or only is watched):
                watched.interruption = interruption
                # The session is killed under the lock: once the run is over, its id may belong to the next REPL.
                if watched.session:
                    end_session(watched.session)

    def work(self) -> None:
        """Check the run ten times a second, for ever."""
        while True:
            time.sleep(_TICK_S)
            self.turn()
            # Measuring takes a while, and the next run may have begun meanwhile: it is not the one that was measured.
            watched = self._watched
            if reason := self._look(watched):
                self.interrupt(reason, only=watched)

    def _look(self, watched: Watched | None) -> Interruption | None:
        now = time.monotonic()
        if self._stopping():
            self._stop_seen = self._stop_seen or now
        if watched is None:
            return None
        if self._stop_seen and now > self._stop_seen + self._stop_grace_s:
            return Interruption.STOPPING
        if now > watched.deadline:
            return Interruption.DEADLINE
        return Interruption.MEMORY if watched.session and self._is_too_large(watched.session) else None

    def _is_too_large(self, session: int) -> bool:
        self._ticks += 1
        measure = memory_mb if self._ticks % _TREE_EVERY_TICKS else tree_memory_mb
        return measure(session) > self._memory_limit_mb
