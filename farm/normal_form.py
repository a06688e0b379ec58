"""The text of a proof without what Lean does not see: comments, and white space that changes nothing."""

from __future__ import annotations

import re

from farm.lexer import DOUBTFUL, UNCLOSED, tokens

_VERBATIM = frozenset(("string", "char", "doc"))
# Looked for one by one, because a search for a plain string is a hundred times faster than one for a pattern.
_IDLE = ("--", "/-", " \n", "\n\n", "\r\n")
_LONE_RETURN = re.compile(r"\r(?!\n)")
_SPACES_AT_END = re.compile(r" +\n")
_BLANK_LINES = re.compile(r"\n{2,}")


def normal_form(code: str) -> str:
    """Return a text without what cannot change its meaning, as long as it runs no metaprogram that reads its source.

    It removes comments (except documentation comments), blank lines, spaces at line ends and the carriage returns of
    CRLF, all outside strings. Every token keeps its column, because Lean's layout depends on columns, and tokens stay
    on the same line or on different lines. A text that is in doubt anywhere is returned unchanged.
    """
    # A carriage return in quotes is a character, one in CRLF is not; any other is an error in Lean.
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
    return "".join([*out, _settled("".join(gap), first=not out).rstrip(" \n")])


def _blank(comment: str) -> str:
    """Return white space that keeps what follows a comment in its column, after a line end if the comment has one."""
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
