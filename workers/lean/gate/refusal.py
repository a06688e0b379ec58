"""The gate's answer on a text that does not pass."""

from __future__ import annotations

from dataclasses import dataclass

from farm.models import Position, Reason


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a text does not pass.

    Attributes:
        reason: `policy`, or `parse` where the text does not reach its end.
        text: why, for people, with the refused token.
        start: index of its first character.
        end: index after its last.
    """

    reason: Reason
    text: str
    start: int
    end: int


def place(text: str, index: int) -> Position:
    """Return the position of a character as Lean counts: lines from 1, columns from 0."""
    return Position(line=text.count("\n", 0, index) + 1, column=index - text.rfind("\n", 0, index) - 1)
