"""Background tasks that the API cannot do without: if such a task ends, its process ends, and is replaced."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any

import structlog

_EXIT_CODE = 70  # EX_SOFTWARE

_log = structlog.get_logger()


def start_vital(name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Start a task that runs until it is cancelled; if it ends in any other way, the process ends."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_end_process)
    return task


def _end_process(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        _log.critical("task.ended", task=task.get_name(), exc_info=task.exception())
        os._exit(_EXIT_CODE)
