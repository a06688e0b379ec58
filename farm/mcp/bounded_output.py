"""Shortens answers to a length that a model can read, and puts a mark wherever something was left out."""

from __future__ import annotations

import json
from typing import Any

MOST_CHARS = 16_000
"""The most characters in one answer, marks included: about 5 000 tokens."""

_FIRST_CHARS = 4_000
_FIRST_ENTRIES = 64


def bounded_json(answer: Any) -> str:
    """Return an answer as JSON of at most `MOST_CHARS` characters.

    If the answer is too long, its texts are cut to one length and its lists to another. Both lengths are halved until
    the answer fits. A shortened text ends in `… [cut: N more characters]`, and a shortened list in the entry
    `[cut: N more]`.
    """
    text = _encode(answer)
    chars, entries = _FIRST_CHARS, _FIRST_ENTRIES
    while len(text) > MOST_CHARS and chars > 1:
        text = _encode(_cut(answer, chars, entries))
        chars, entries = chars // 2, max(1, entries // 2)
    return text


def cut_text(text: str, most_chars: int) -> str:
    """Return a text; if it is longer than `most_chars`, put a mark in place of the rest."""
    left_out = len(text) - most_chars
    return text if left_out <= 0 else f"{text[:most_chars]}… [cut: {left_out} more characters]"


def cut_list(entries: list[Any], most: int) -> list[Any]:
    """Return a list; if it has more than `most` entries, put a mark in place of the rest."""
    left_out = len(entries) - most
    return entries if left_out <= 0 else [*entries[:most], f"[cut: {left_out} more]"]


def _encode(answer: Any) -> str:
    return json.dumps(answer, ensure_ascii=False)


def _cut(value: Any, chars: int, entries: int) -> Any:
    if isinstance(value, str):
        return cut_text(value, chars)
    if isinstance(value, list):
        return cut_list([_cut(each, chars, entries) for each in value], entries)
    if isinstance(value, dict):
        return {name: _cut(each, chars, entries) for name, each in value.items()}
    return value
