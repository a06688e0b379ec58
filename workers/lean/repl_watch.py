"""Runs conversations with the REPL under a watchdog.

Every conversation ends. If the watchdog ends it, the exception that is raised says why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from workers.lean.repl_events import HeaderTimeout, ReplEnded, ReplOutOfMemory, ReplTimeout
from workers.lean.session import Header, Session
from workers.lean.watchdog import Interruption, Watchdog

T = TypeVar("T")


class Died(Exception):
    """The REPL died or sent a false reply during a task.

    Either counts as a death, which is charged to the task. When the task is claimed again, it is claimed alone.
    """


class GivenUp(Exception):
    """This process must not, or need not, finish a task. The task is given back, and nothing is charged to it."""


class Watch:
    """Runs conversations on one session, under one watchdog.

    Args:
        session: the REPL.
        watchdog: ends a conversation from outside.
        header_timeout_s: seconds a header may take to load.
    """

    def __init__(self, session: Session, watchdog: Watchdog, header_timeout_s: float) -> None:
        self._session = session
        self._watchdog = watchdog
        self.header_timeout_s = header_timeout_s

    def load(self, header: str, *, is_checked: bool = False) -> Header:
        """Make sure that the REPL is alive, load a header, and return the loaded header.

        If `is_checked`, the farm's own commands are loaded too.

        Raises:
            HeaderFailed, StartFailed: as `Session.load` and `Session.ensure_alive` do.
            HeaderTimeout: the header took too long to load.
            ReplEnded, GivenUp: as `run` does.
        """
        self._session.ensure_alive()
        try:
            return self.run(self.header_timeout_s, lambda: self._session.load(header, is_checked=is_checked))
        except ReplTimeout as error:
            raise HeaderTimeout(str(error)) from error

    def run(self, timeout_s: float, talk: Callable[[], T]) -> T:
        """Return the result of a conversation with the REPL.

        If the watchdog ends the conversation, `talk` fails as if the REPL had died.

        Raises:
            ReplTimeout: the conversation took longer than `timeout_s`.
            ReplOutOfMemory: the REPL took more memory than it may have.
            GivenUp: the batch is cancelled, the lease is lost, or this process has to stop.
            ReplGone, GuardTripped: the REPL died by itself, or sent a false reply.
        """
        self._watchdog.begin(self._session.pid, timeout_s)
        try:
            return talk()
        except ReplEnded as error:
            interruption = self._watchdog.end()
            if interruption:
                self._session.blame(interruption.value)
            _translate(interruption, error)
            raise
        finally:
            self._watchdog.end()


def _translate(interruption: Interruption | None, error: Exception) -> None:
    """Raise the exception that an interruption by the watchdog stands for; do nothing if there was none."""
    match interruption:
        case Interruption.MEMORY:
            raise ReplOutOfMemory from error
        case Interruption.DEADLINE:
            raise ReplTimeout from error
        case Interruption.CANCELLED | Interruption.LEASE_LOST | Interruption.STOPPING:
            raise GivenUp(interruption.value) from error
