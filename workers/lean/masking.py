"""A text as the gate reads it: comments, strings and quoted characters blanked out, what is in doubt found."""

from __future__ import annotations

from typing import NamedTuple

from farm.lexer import DOUBTFUL, UNCLOSED, Token, holes, tokens
from farm.models import Reason
from workers.lean.refusal import Refusal

_DOUBT = "What is code here depends on the version of Lean or on what the imports define: put white space around it"


class Masked(NamedTuple):
    """The code of a text, every character in its place.

    Attributes:
        code: the text with white space for comments and for what is quoted; code in the braces of a string stays.
        unreadable: what is in doubt or never ends, in order.
    """

    code: str
    unreadable: list[Refusal]


def mask(text: str) -> Masked:
    """Return the code of a text; it raises nothing."""
    parts: list[str] = []
    unreadable: list[Refusal] = []
    position = 0
    for token in tokens(text, code=False):
        kind, start, end = token
        if kind == DOUBTFUL:
            unreadable.append(Refusal(Reason.POLICY, _DOUBT, start, start))
            continue
        if kind == UNCLOSED:
            why = f"`{text[start : start + 2]}` is never closed"
            unreadable.append(Refusal(Reason.PARSE, why, start, end))
        parts += text[position:start], _blank(text, token)
        position = end
    return Masked("".join((*parts, text[position:])), unreadable)


def _blank(text: str, token: Token) -> str:
    kind, start, end = token
    if kind not in ("string", "char"):
        return " " * (end - start)
    # Marked by quotes that are no part of a word, because a word may follow without white space.
    blank, position = ['"'], start + 1
    for first, last in holes(text, token):
        # With the brace before it: a word begins there.
        blank += " " * (first - 1 - position), text[first - 1 : last]
        position = last
    return "".join((*blank, " " * (end - 1 - position), '"'))
