"""Threads that a worker cannot do without: if one fails or gets stuck, its process ends and is replaced."""

from __future__ import annotations

import functools
import os
import signal
import threading
import time
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

import structlog

from farm.signs_of_life import SIGN_EVERY_S, SILENCE_S, Sign, silence_s

_EXIT_CODE = 70  # EX_SOFTWARE

P = ParamSpec("P")

_log = structlog.get_logger()
_running: list[BackgroundThread] = []


def or_end(start: Callable[P, None]) -> Callable[P, None]:
    """Return a function that calls `start`, and ends the process if `start` fails: Celery would only log the error."""

    @functools.wraps(start)
    def started(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            start(*args, **kwargs)
        except Exception:  # noqa: BLE001 - whatever it was, the process must not go on
            _log.critical("process.not_started", exc_info=True)
            os._exit(_EXIT_CODE)

    return started


class BackgroundThread(threading.Thread):
    """A daemon thread whose failure ends the process.

    Args:
        name: the thread's name.
        silence_s: the longest time that may pass between two calls of `turn`; if more passes, `Pulse` ends the process.
            None means that the thread never calls `turn`.
    """

    def __init__(self, name: str, silence_s: float | None = None) -> None:
        super().__init__(name=name, daemon=True)
        self._silence_s = silence_s
        self._turned = time.monotonic()

    def run(self) -> None:
        """Work until done; an uncaught error ends the process."""
        self.turn()
        _running.append(self)
        try:
            self.work()
        except BaseException:  # noqa: BLE001 - whatever it was, the process must not go on
            _log.critical("thread.failed", thread=self.name, exc_info=True)
            os._exit(_EXIT_CODE)
        _running.remove(self)

    @abstractmethod
    def work(self) -> None:
        """Do the thread's own work."""

    def turn(self) -> None:
        """Record that the thread is not stuck; the thread's own loop calls this."""
        self._turned = time.monotonic()

    @property
    def is_stuck(self) -> bool:
        """Whether the last `turn` is longer ago than `silence_s` allows."""
        return self._silence_s is not None and time.monotonic() > self._turned + self._silence_s


class Pulse(BackgroundThread):
    """Gives signs of life for a forked process, and ends the worker's first process if the first process gives none.

    If a background thread of the forked process is stuck, the forked process ends.

    Args:
        data_dir: the farm's data folder.
        part: the part of the farm that the worker belongs to, such as `embed`.
        parent: the worker's first process.
    """

    def __init__(self, data_dir: Path, part: str, parent: int) -> None:
        super().__init__("pulse")
        self._sign = Sign(data_dir, part)
        self._silence = Silence(data_dir, part)
        self._parent = parent

    def work(self) -> None:
        """Check the threads and give signs of life until the process ends."""
        while True:
            if stuck := [thread.name for thread in _running if thread.is_stuck]:
                raise RuntimeError(f"Threads are stuck: {', '.join(stuck)}")
            self._sign.give()
            self._silence.end(self._parent)
            time.sleep(SIGN_EVERY_S)


class Silence:
    """Ends processes of this worker that are running but give no sign of life.

    A process is ended only if two checks in a row find it silent. When a frozen host wakes, the first check finds all
    processes silent, although they work again.
    """

    def __init__(self, data_dir: Path, part: str) -> None:
        self._data_dir = data_dir
        self._part = part
        self._suspected: set[int] = set()

    def end(self, *pids: int) -> None:
        """Check processes, and kill those that are silent now and were silent at the last check."""
        silent = {pid for pid in pids if silence_s(self._data_dir, self._part, pid) > SILENCE_S}
        for pid in silent & self._suspected:
            _log.critical("process.silent", process=pid)
            os.kill(pid, signal.SIGKILL)
        self._suspected = silent
