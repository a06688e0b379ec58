"""Lean source text: how it is cut into header and body, and how a statement and a proof become one text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from farm.header import cut_header
from farm.models import Position, Proof
from farm.prepared_proof import prepare


@dataclass(frozen=True, slots=True)
class Source:
    """A Lean text cut into header and body; `header + gap + body` is the text, byte for byte.

    Attributes:
        header: the imports, from which the environment is made; empty when the text imports nothing.
        gap: the line end between header and body; Lean gets only the header and the body.
        body: the text after the header and the gap; it runs in the environment that the header makes.
    """

    header: str
    gap: str
    body: str

    def to_user(self, position: Position | None, lines_before: int = 0) -> Position | None:
        """Return the position in the whole text that belongs to a position in the body.

        Args:
            position: line from 1, column from 0, as Lean reports it for the body.
            lines_before: how many lines the farm has put before the user's text; for a position in these lines, None is
                returned.
        """
        if position is None:
            return None
        lines, last_column = _end(self.header, self.gap)
        line = position.line + lines - lines_before
        column = position.column + (last_column if position.line == 1 else 0)
        return Position(line=line, column=column) if line >= 1 else None


def split_header(text: str) -> Source:
    """Return a Lean text cut into header and body, after its last import."""
    return Source(*cut_header(text))


@dataclass(frozen=True, slots=True)
class Text:
    """The text to elaborate, and how many of its lines come before the user's own code."""

    text: str
    lines_before: int = 0


def assemble(proof: Proof) -> Text:
    """Return the header, front and body of a proof as one text, which has to be elaborated."""
    if proof.statement is None:
        return Text(proof.code)
    prepared = prepare(proof)
    front = prepared.front and prepared.front.removesuffix("\n") + "\n"
    before = (prepared.header and prepared.header + "\n") + front
    lines = before.count("\n")
    for part in prepared.parts:
        if part.at is not None:
            return Text(before + prepared.body, lines - proof.code.count("\n", 0, part.at))
        lines += part.text.count("\n")
    return Text(before + prepared.body, lines)


@lru_cache(maxsize=16)
def _end(header: str, gap: str) -> tuple[int, int]:
    """Return how many lines end in the text before a body, and in which column this text ends.

    The result is cached, because a reply may have hundreds of thousands of positions, and the header a megabyte.
    """
    before = header + gap
    return before.count("\n"), len(before) - (before.rfind("\n") + 1)
