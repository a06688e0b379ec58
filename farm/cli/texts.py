"""Reads a file or stdin as text: unpacks it, decodes it by its byte order mark, and turns line ends into newlines."""

from __future__ import annotations

import codecs
import gzip
import zlib
from pathlib import Path

from farm.errors import InvalidRequest

_GZIP = b"\x1f\x8b"
# The mark of little-endian UTF-32 begins with the mark of little-endian UTF-16, so the longer marks come first.
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_file(path: Path) -> bytes:
    """Return the content of a file, unpacked.

    Raises:
        InvalidRequest: the file cannot be read.
    """
    try:
        return unpack(path.read_bytes(), str(path))
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from error


def unpack(content: bytes, name: str) -> bytes:
    """Unpack gzip data; return any other content unchanged.

    Raises:
        InvalidRequest: the data ends too early, or is damaged.
    """
    if not content.startswith(_GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidRequest(f"{name} cannot be unpacked: {error}") from error


def decode(content: bytes, name: str, *, errors: str = "strict") -> str:
    """Decode bytes as UTF-8, or in the encoding that a byte order mark names, and return the text.

    Args:
        content: the bytes that were read.
        name: the name for the content in error messages.
        errors: what to do with bytes that are wrong in the encoding, as for `bytes.decode`.

    Raises:
        InvalidRequest: the content is in another encoding; the message names the line and column of the wrong byte.
    """
    encoding = next((encoding for mark, encoding in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding, errors)
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(encoding, "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise InvalidRequest(
            f"{name}:{line} is not {encoding.removesuffix('-sig').upper()} at column {column}"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
