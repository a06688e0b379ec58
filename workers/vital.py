"""Threads a worker cannot do without: when one fails, the whole process ends and is replaced. Nothing half-alive."""

from __future__ import annotations

import os
import threading
from abc import abstractmethod

import structlog

_EXIT_CODE = 70  # EX_SOFTWARE

_log = structlog.get_logger()


class VitalThread(threading.Thread):
    """A daemon thread whose failure ends the process."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)

    def run(self) -> None:
        """Work until done; an error nobody caught ends the process."""
        try:
            self.work()
        except BaseException:  # noqa: BLE001 - whatever it was, the process must not go on
            _log.critical("thread.failed", thread=self.name, exc_info=True)
            os._exit(_EXIT_CODE)

    @abstractmethod
    def work(self) -> None:
        """Do what the thread is for."""
