"""Lean text as the scripted REPL (a script, not Lean) reads it: comments and strings blanked, lines and columns."""

from __future__ import annotations

import re

# `typing` alone costs 4 ms at start, a quarter of the whole program: type checkers read this name as true.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]

_OPENING = re.compile(
    r"""--[^\n]*|/-|"(?:[^"\\]|\\.)*(?P<closed>")?|(?<![\w'!?])'(?:[^'\\\n]|\\[^\n]{1,8}?)'""", re.DOTALL
)
_COMMENT_EDGE = re.compile(r"/-|-/")
_VISIBLE = re.compile(r"[^\n]")


class Source:
    """One text: `text` as sent, `code` of the same length with comments and string contents turned to spaces.

    `faults` holds comments and strings that never end, in Lean's words, with the index where Lean reports them.
    """

    __slots__ = ("code", "faults", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.faults: list[tuple[int, str]] = []
        self.code = self._blank()

    def position(self, index: int) -> Json:
        """The place of a character: lines count from 1, columns from 0 and in code points, as in Lean."""
        return {
            "line": self.text.count("\n", 0, index) + 1,
            "column": index - self.text.rfind("\n", 0, index) - 1,
        }

    def message(self, severity: str, start: int, end: int | None, data: str) -> Json:
        """A REPL message; `end` None gives the `"endPos": null` of a parser's message."""
        last = None if end is None else self.position(end)
        return {"severity": severity, "pos": self.position(start), "endPos": last, "data": data}

    def _blank(self) -> str:
        kept: list[str] = []
        done = 0
        while found := _OPENING.search(self.text, done):
            kept.append(self.text[done : found.start()])
            done = self._end_of(found)
            kept.append(self._hidden(found.start(), done))
        kept.append(self.text[done:])
        return "".join(kept)

    def _hidden(self, start: int, end: int) -> str:
        piece = self.text[start:end]
        if piece[0] == '"' and len(piece) > 1:
            # The quotes stay, so that `#print "TOKEN"` can still be told from `#print TOKEN`.
            return '"' + _VISIBLE.sub(" ", piece[1:-1]) + '"'
        return _VISIBLE.sub(" ", piece) if "\n" in piece else " " * len(piece)

    def _end_of(self, found: re.Match[str]) -> int:
        if found[0] == "/-":
            return self._end_of_comment(found.end())
        if found[0][0] == '"' and found["closed"] is None:
            self.faults.append((len(self.text), "unterminated string literal"))
        return found.end()

    def _end_of_comment(self, inside: int) -> int:
        depth = 1
        for edge in _COMMENT_EDGE.finditer(self.text, inside):
            depth += 1 if edge[0] == "/-" else -1
            if depth == 0:
                return edge.end()
        self.faults.append((len(self.text), "unterminated comment"))
        return len(self.text)
