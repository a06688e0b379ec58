"""Makes feedback that helps to repair a failed proof: the tactic at each error, and the goals before that tactic.

The module reads the list of tactics in the REPL's reply. It is pure: nothing here runs anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from farm.models import Message, Position
from farm.models.feedback import (
    MOST_ERROR_CHARS,
    MOST_ERRORS,
    MOST_GOAL_CHARS,
    MOST_GOALS,
    MOST_TACTIC_CHARS,
    Feedback,
)
from workers.lean.repl_reply import Reply
from workers.lean.verdict import Place

_UNSOLVED = "unsolved goals"
_TARGET = "⊢"
_NO_GOALS = "no goals"


@dataclass(frozen=True, slots=True)
class _Tactic:
    """A tactic in the user's text, with the goals before it."""

    start: Position
    end: Position
    text: str
    goals: str

    def holds(self, position: Position) -> bool:
        return _key(self.start) <= _key(position) <= _key(self.end)

    @property
    def size(self) -> tuple[int, int]:
        """How much text the tactic spans. If several tactics surround an error, the smallest of them has failed."""
        return self.end.line - self.start.line, self.end.column - self.start.column


def read_feedback(response: Reply | None, messages: list[Message], place: Place) -> list[Feedback]:
    """Return the feedback on the first `MOST_ERRORS` errors of a proof.

    Args:
        response: the REPL's response to a command whose tactics were asked for; None if there is none.
        messages: Lean's messages, with positions in the user's own text.
        place: returns the position in the user's own text for a position in the text that was run.
    """
    tactics = list(_tactics(response, place))
    errors = [message for message in messages if message.severity == "error"][:MOST_ERRORS]
    return [_of_error(error, tactics) for error in errors]


def split_goals(text: str) -> list[str]:
    """Return the individual goals from a text in which Lean printed one or more goals.

    Each goal ends with its target, and the further lines of a target are indented.
    """
    goals: list[list[str]] = [[]]
    is_in_target = False
    for line in text.split("\n"):
        if is_in_target and not line.startswith(" "):
            goals.append([])
            is_in_target = False
        is_in_target = is_in_target or line.startswith(_TARGET)
        if line.strip():
            goals[-1].append(line)
    return ["\n".join(lines) for lines in goals if lines and lines != [_NO_GOALS]]


def _tactics(response: Reply | None, place: Place) -> Iterator[_Tactic]:
    for each in response.tactics if response else ():
        start, end = place(each.pos), place(each.end_pos)
        if start and end:
            yield _Tactic(start, end, each.text, each.goals)


def _of_error(error: Message, tactics: list[_Tactic]) -> Feedback:
    around = [each for each in tactics if error.pos and each.holds(error.pos)]
    failed = min(around, key=lambda tactic: tactic.size, default=None)
    is_unsolved = error.data.startswith(_UNSOLVED)
    # An `unsolved goals` message holds the goals that are left to prove; these are not the goals before a tactic.
    goals = split_goals(error.data.removeprefix(_UNSOLVED) if is_unsolved else failed.goals if failed else "")
    return Feedback(
        pos=error.pos,
        error=error.data[:MOST_ERROR_CHARS],
        tactic=failed.text[:MOST_TACTIC_CHARS] if failed else None,
        tactic_pos=failed.start if failed else None,
        goals=[_bounded(goal) for goal in goals[:MOST_GOALS]],
        left_out=max(0, len(goals) - MOST_GOALS),
    )


def _bounded(goal: str) -> str:
    """Return a goal, cut if it is long: the first hypotheses are left out, because the last ones matter more."""
    left_out = len(goal) - MOST_GOAL_CHARS
    return goal if left_out <= 0 else f"[cut: {left_out} characters]\n{goal[left_out:]}"


def _key(position: Position) -> tuple[int, int]:
    return position.line, position.column
