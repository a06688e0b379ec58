"""Limits how deeply a REPL's reply is nested: info trees may be nested more deeply than JSON writers can handle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

MOST_LEVELS = 200
"""How many lists and objects may be within each other. pydantic and orjson write about 250; some are around a reply."""


def cut(reply: dict[str, Any]) -> dict[str, Any]:
    """Empty the lists and objects that are nested too deeply in a reply, and return the same reply."""
    level: list[Any] = [reply]
    for _ in range(MOST_LEVELS):
        level = [part for whole in level for part in _parts(whole)]
    for whole in level:
        whole.clear()
    return reply


def _parts(whole: dict[str, Any] | list[Any]) -> Iterable[dict[str, Any] | list[Any]]:
    parts = whole.values() if isinstance(whole, dict) else whole
    return [part for part in parts if isinstance(part, (dict, list))]
