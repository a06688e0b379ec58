"""The form of values in Redis: compact JSON, compressed if it is long enough.

A stored item also begins with its fingerprint, if it has one: a hash by which equal proofs can share one verdict.
"""

from __future__ import annotations

import zlib
from typing import Any, TypeAlias

import orjson

from farm.store.constants import LAYOUT_CHARS, QUESTION_CHARS

Json: TypeAlias = dict[str, Any]
"""A JSON object whose fields are known only to the code that reads it."""

_DEFLATE_FROM_BYTES = 512
_RAW, _DEFLATED = b"j", b"z"
_FINGERPRINT_CHARS = QUESTION_CHARS + LAYOUT_CHARS


def pack(value: object) -> bytes:
    """Return a JSON-able value as bytes; a long one is compressed.

    Compression at level 1 halves Lean text, at about 100 MB/s.
    """
    raw = orjson.dumps(value)
    if len(raw) < _DEFLATE_FROM_BYTES:
        return _RAW + raw
    return _DEFLATED + zlib.compress(raw, 1)


def unpack(blob: bytes) -> Json:
    """Return the object that `pack` was given."""
    fields: Json = orjson.loads(raw(blob))
    return fields


def unpack_list(blob: bytes) -> list[str]:
    """Return the list of texts that `pack` was given."""
    texts: list[str] = orjson.loads(raw(blob))
    return texts


def raw(blob: bytes) -> bytes:
    """Return the JSON text of the value that `pack` was given, without parsing it."""
    return zlib.decompress(blob[1:]) if blob[:1] == _DEFLATED else blob[1:]


def mark(blob: bytes, fingerprint: str) -> bytes:
    """Return a packed item with its fingerprint in front, where claim.lua reads it.

    A fingerprint has 80 hex characters. If the item has no fingerprint, pass an empty text.
    """
    return b"+" + fingerprint.encode() + blob if fingerprint else b"-" + blob


def unmark(stored: bytes) -> bytes:
    """Return the packed item that `mark` was given."""
    return stored[1 + _FINGERPRINT_CHARS :] if stored[:1] == b"+" else stored[1:]
