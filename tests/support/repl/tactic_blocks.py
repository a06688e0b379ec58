"""The tactic blocks of a text in the scripted REPL: each tactic with the goals before and after it. Not Lean.

A block is what follows the first `by` of a declaration. New lines and `;` separate its tactics. The rules of `tactics`
say what each tactic does; the block ends with the first one that fails.
"""

from __future__ import annotations

import re

from .declarations import Declaration
from .elaborate import LeanError, declarations
from .tactics import ProofState, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .source import Json, Source

_BY = re.compile(r"\bby\b")
_TACTIC = re.compile(r"[^;\n]+")
_KEYWORD = re.compile(r"(?:theorem|lemma|example|def|abbrev|instance|opaque)\b")


class BlockTactic:
    """A tactic of a text: its span, and the goals around it."""

    __slots__ = ("after", "before", "end", "start")

    def __init__(self, start: int, end: int, before: list[str], after: list[str]) -> None:
        self.start = start
        self.end = end
        self.before = before
        self.after = after


def all_tactics(source: Source) -> list[Json]:
    """The field `tactics` of a reply, without proof states, because no states would exist behind the numbers."""
    found = [each for span in declarations(source) for each in block(source, *span)]
    return [
        {
            "tactic": source.text[each.start : each.end],
            "goals": "\n".join(each.before),
            "pos": source.position(each.start),
            "endPos": source.position(each.end),
            "usedConstants": [],
        }
        for each in found
    ]


def block(source: Source, start: int, end: int) -> Iterator[BlockTactic]:
    """The tactics of the declaration at a span."""
    keyword, by = _KEYWORD.search(source.code, start, end), _BY.search(source.code, start, end)
    if not keyword or not by:
        return
    state = ProofState([Declaration(source.code, keyword.span(), end).goal("")])
    for found in _TACTIC.finditer(source.code, by.end(), end):
        text = found[0].strip()
        if not text:
            continue
        at = found.start() + found[0].index(text)
        before = state.goals
        try:
            state = Step(state, text).state
        except LeanError:
            yield BlockTactic(at, at + len(text), before, before)
            return
        yield BlockTactic(at, at + len(text), before, state.goals)
