"""The normal form of a proof: its text without comments, and without white space that means nothing to Lean."""

from __future__ import annotations

import re

from farm.lexer import DOUBTFUL, UNCLOSED, tokens

_VERBATIM = frozenset(("string", "char", "doc"))
# These strings are searched for one by one: searching for a plain string is a hundred times faster than for a pattern.
_IDLE = ("--", "/-", " \n", "\n\n", "\r\n")
_NEWLINE_CHARACTER = "'\n'"
_LONE_RETURN = re.compile(r"\r(?!\n)")
_SPACES_AT_END = re.compile(r"(?<! ) +\n")
_BLANK_LINES = re.compile(r"\n{2,}")


def normal_form(code: str) -> str:
    """Return a text without the parts that mean nothing to Lean.

    Only a metaprogram that reads its own source can tell the difference.

    Comments (except documentation comments), blank lines, spaces at line ends and the carriage returns of CRLF are
    removed outside strings. Every token keeps its column, because Lean's layout depends on columns. Tokens on one line
    stay on one line, and tokens on different lines stay on different lines. A text with a doubtful place (see
    `farm/lexer.py`) is returned unchanged.
    """
    # In quotes a carriage return is a character, and in CRLF it is a part of the line end. Elsewhere it is an error in
    # Lean.
    if "\r" in code and ("'\r" in code or _LONE_RETURN.search(code)):
        return code
    if not (code.startswith("\n") or code.endswith((" ", "\n")) or any(map(code.__contains__, _IDLE))):
        return code
    out: list[str] = []
    gap: list[str] = []
    position = 0
    for kind, start, end in tokens(code, code=False):
        if kind in (DOUBTFUL, UNCLOSED):
            return code
        if kind in ("line", "block"):
            gap += code[position:start], _blank(code[start:end])
        elif kind in _VERBATIM:
            gap.append(code[position:start])
            out += _settled("".join(gap), first=not out), code[start:end]
            gap = []
        else:
            continue
        position = end
    gap.append(code[position:])
    normal = "".join([*out, _settled("".join(gap), first=not out).rstrip(" \n")])
    # A lone quote may end a line, before spaces or a comment, and another lone quote may begin the next line. Without
    # the spaces and the comment, Lean would read the two quotes and the line end between them as a character.
    return code if _NEWLINE_CHARACTER in normal else normal


def _blank(comment: str) -> str:
    """Return the white space that replaces a comment, so that the text after the comment keeps its column.

    If the comment contains a line end, the white space begins with a line end.
    """
    if comment.startswith("--"):
        return ""
    _, newline, last = comment.rpartition("\n")
    return newline + " " * len(last)


def _settled(gap: str, *, first: bool) -> str:
    settled = gap.replace("\r\n", "\n")
    if " \n" in settled:
        settled = _SPACES_AT_END.sub("\n", settled)
    if "\n\n" in settled:
        settled = _BLANK_LINES.sub("\n", settled)
    return settled.lstrip("\n") if first else settled
