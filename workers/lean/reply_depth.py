"""Limits how deeply a REPL's reply is nested: info trees may be nested more deeply than JSON writers can handle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

MOST_LEVELS = 200
"""How many levels of lists and objects a reply may have.

pydantic and orjson can write about 250 levels, and the object that holds the reply needs a few of them.
"""


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
