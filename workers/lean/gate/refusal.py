"""The gate's answer on a text that does not pass."""

from __future__ import annotations

from dataclasses import dataclass

from farm.models import Position, Reason


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a text does not pass the gate.

    Attributes:
        reason: `policy`, or `parse` if Lean would not read the text to its end.
        text: a sentence for people, which quotes the refused token and says why it is refused.
        start: the index of the refused token's first character.
        end: the index after the refused token's last character.
    """

    reason: Reason
    text: str
    start: int
    end: int


def place(text: str, index: int) -> Position:
    """Return the position of a character as Lean counts: lines from 1, columns from 0."""
    return Position(line=text.count("\n", 0, index) + 1, column=index - text.rfind("\n", 0, index) - 1)
