"""Reads the last messages of a process from its log, for a person."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_TROUBLE = frozenset({"error", "critical"})
# Logs grow for as long as a farm runs, and a person reads only the end.
_MOST_BYTES = 64 * 1024


def last_words(log: Path, start: int) -> str:
    """Return what a process wrote to its log, in words.

    If some of the JSON lines in the log are errors, the other JSON lines are left out. Of a long log, only the end is
    read. A log that was removed, or emptied since the start, is no error: operators do that to get disk space back.

    Args:
        log: the log file, to which earlier processes may have written too.
        start: the length of the log file when the process was started.
    """
    lines = _end(log, start).decode(errors="replace").splitlines()
    read = [(line, _event(line)) for line in lines if line.strip()]
    if any(event.get("level") in _TROUBLE for _, event in read):
        read = [(line, event) for line, event in read if not event or event.get("level") in _TROUBLE]
    # A process may log the same message at each of its tries. The message is shown once.
    said = list(dict.fromkeys(_sentence(line, event) for line, event in read))
    return "\n".join(["its last messages:", *said]) if said else f"it logged nothing ({log})"


def _end(log: Path, start: int) -> bytes:
    """Return what the log holds from `start` on; no more than its end, in whole lines."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            first = start if start <= size else 0
            file.seek(max(first, size - _MOST_BYTES))
            if file.tell() > first:
                file.readline()  # the rest of a line whose beginning is not read
            return file.read(_MOST_BYTES)
    except OSError:
        return b""


def _event(line: str) -> dict[str, Any]:
    """Return the fields of a JSON line, as the farm's own programs log; return no fields for any other line."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _sentence(line: str, event: dict[str, Any]) -> str:
    parts = [str(event[name]) for name in ("error", "notice", "exception") if event.get(name)]
    return "\n".join(parts) or str(event.get("event", line))
