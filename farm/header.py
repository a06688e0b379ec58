"""Where a Lean text's header ends, and what it imports."""

from __future__ import annotations

import re

from farm.lexer import comment_end

_NAME_PART = r"(?:«[^»\n]*»|[^\W\d][\w'!?]*)"
_KEYWORD = re.compile(r"(?:module|prelude)\b(?!\s*\.)")
_IMPORT = re.compile(rf"(?:public\s+)?(?:meta\s+)?import\s+(?:(?:all|runtime)\s+)?{_NAME_PART}(?:\.{_NAME_PART})*")
# Documentation comments (`/--`, `/-!`) are commands of their own, so imports cannot follow them.
_BLANK = re.compile(r"\s+|--[^\n]*")
_COMMENT_OPEN = re.compile(r"/-(?![-!])")
_REST_OF_LINE = re.compile(r"[^\S\n]*(?:\n|\Z)")


def cut_header(text: str) -> tuple[str, str, str]:
    """Cut a text after its last import; return header, gap and body. Together they are the text, byte for byte."""
    end = position = _skip_blank(text, 0)
    seen = False
    while match := _KEYWORD.match(text, position) or _IMPORT.match(text, position):
        seen, end = True, match.end()
        position = _skip_blank(text, end)
    if not seen:
        return "", "", text
    rest = _REST_OF_LINE.match(text, end)
    gap_end = rest.end() if rest else end
    return text[:end], text[end:gap_end], text[gap_end:]


def imported(header: str) -> frozenset[str]:
    """Return the imports of a header, with `module` and words such as `public`, but without order and comments."""
    position, found = _skip_blank(header, 0), set()
    while match := _KEYWORD.match(header, position) or _IMPORT.match(header, position):
        found.add(" ".join(match[0].split()))
        position = _skip_blank(header, match.end())
    return frozenset(found)


def is_module(text: str) -> bool:
    """Whether the header of a text makes it a module. The declarations of a module are private by default."""
    return "module" in imported(cut_header(text)[0])


def _skip_blank(text: str, position: int) -> int:
    """Return where the white space and comments at a position end; an unclosed comment counts as code."""
    while True:
        if match := _BLANK.match(text, position):
            position = match.end()
        elif (match := _COMMENT_OPEN.match(text, position)) and (end := comment_end(text, match.end())):
            position = end
        else:
            return position
