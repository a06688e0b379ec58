"""The last messages of a process, from its log, for a person to read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_TROUBLE = frozenset({"error", "critical"})


def last_words(log: Path, start: int) -> str:
    """Return what a process wrote to its log; if it logged errors as JSON, other JSON lines are left out.

    Args:
        log: the file.
        start: the file's length when the process started.
    """
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    read = [(line, _event(line)) for line in lines if line.strip()]
    if any(event.get("level") in _TROUBLE for _, event in read):
        read = [(line, event) for line, event in read if not event or event.get("level") in _TROUBLE]
    # A process may log the same message at each of its tries.
    said = list(dict.fromkeys(_sentence(line, event) for line, event in read))
    return "\n".join(["its last words:", *said]) if said else f"it said nothing ({log})"


def _event(line: str) -> dict[str, Any]:
    """Return the fields of a line of our own logs; for any other line, return no fields."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _sentence(line: str, event: dict[str, Any]) -> str:
    parts = [str(event[name]) for name in ("error", "notice", "exception") if event.get(name)]
    return "\n".join(parts) or str(event.get("event", line))
