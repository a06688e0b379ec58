"""Prepares a text for the gate: blanks out comments and strings.

Also refuses the places that Lean may read differently from the gate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from farm.lexer import DOUBTFUL, LETTERS, UNCLOSED, Token, holes, tokens
from farm.models import Reason
from workers.lean.gate.refusal import Refusal

_DOUBT = "What is code here depends on the version of Lean or on what the imports define: put white space around it"
_TAB = "A tab is refused: Lean reports it as an error, and may then read a comment's text as code"
_UNPAIRED = "A string's braces hold a bracket without its partner: the rest of the text may be grouped differently"
_UNDOCUMENTED = "A documentation comment with no declaration after it is refused: Lean may go on reading within it"
_DECLARATION = re.compile(rf"[{LETTERS}@|(\[{{«]")
_ESCAPED = re.compile(r"«[^»\n]*»")
_PAIRS = dict(zip(")]}⟩⦄", "([{⟨⦃", strict=True))
BRACKETS = frozenset((*_PAIRS, *_PAIRS.values()))
# In a name, these characters could pass for structure: brackets, `:=`, `=>`, `$`, commas and white space.
_INERT = str.maketrans({char: "_" for char in map(chr, range(32, 127)) if not (char.isalnum() or char in "!?.'")})
_NO_CODE = frozenset(("line", "block", "doc", "end", UNCLOSED))


class Masked(NamedTuple):
    """The code of a text; every character of the code is at the same index as in the text.

    Attributes:
        code: the text, in which white space replaces comments, strings and quoted characters. The code in the braces
            of an interpolated string stays, with the braces. In «names», `_` replaces white space and ASCII symbols.
        unreadable: refusals of the places that Lean may read differently from the gate, in order.
    """

    code: str
    unreadable: list[Refusal]


def mask(text: str) -> Masked:
    """Return the code of a text. This never raises an error."""
    parts: list[str] = []
    unreadable: list[Refusal] = []
    position, doc = 0, None
    for token in (*tokens(text, code=False), Token("end", len(text), len(text))):
        if token.kind == DOUBTFUL:
            unreadable.append(Refusal(Reason.POLICY, _DOUBT, token.start, token.start))
            continue
        code = text[position : token.start]
        unreadable += _lost(text, position, token, doc)
        if not all(are_paired(text[first:last]) for first, last in holes(text, token)):
            unreadable.append(Refusal(Reason.POLICY, _UNPAIRED, token.start, token.end))
        if text.startswith("/--", token.start) and token.kind == "doc":
            doc = token
        elif code and not code.isspace():
            doc = None
        parts += code, _blank(text, token)
        position = token.end
    return Masked(_ESCAPED.sub(lambda name: name[0].translate(_INERT), "".join(parts)), unreadable)


def are_paired(text: str) -> bool:
    """Whether each bracket in a text has its partner there, of the same kind and in the right order."""
    opened: list[str] = []
    for char in text:
        if char in _PAIRS.values():
            opened.append(char)
        elif char in _PAIRS and (not opened or opened.pop() != _PAIRS[char]):
            return False
    return not opened


def _lost(text: str, position: int, token: Token, doc: Token | None) -> Iterator[Refusal]:
    """Yield refusals of places after which Lean may read the text differently from the gate.

    These are unclosed comments, tabs, and documentation comments without a declaration.

    Args:
        text: the text.
        position: where the code before `token` begins.
        token: a comment, a string, a quoted character, or the end of the text.
        doc: the last documentation comment before the code, if only comments separate it from the code; otherwise None.
    """
    if token.kind == UNCLOSED:
        why = f"`{text[token.start : token.start + 2]}` is never closed"
        yield Refusal(Reason.PARSE, why, token.start, token.end)
    tab = text.find("\t", position, token.start)
    if tab >= 0:
        yield Refusal(Reason.POLICY, _TAB, tab, tab + 1)
    code = text[position : token.start].strip(" \r\n")
    if doc and not (_DECLARATION.match(code) if code else token.kind in _NO_CODE):
        yield Refusal(Reason.POLICY, _UNDOCUMENTED, doc.start, doc.end)


def _blank(text: str, token: Token) -> str:
    kind, start, end = token
    if kind not in ("string", "char"):
        return " " * (end - start)
    # A word may begin directly after a string. So the string's ends stay as double quotes, which no word contains.
    blank, position = ['"'], start + 1
    for first, last in holes(text, token):
        # The brace before a hole (the code in a string) is kept, because a word may begin directly after it, and so is
        # the brace after it, because each bracket needs its partner.
        stop = last + (text[last] == "}")
        blank += " " * (first - 1 - position), text[first - 1 : stop]
        position = stop
    return "".join((*blank, " " * (end - 1 - position), '"'))
