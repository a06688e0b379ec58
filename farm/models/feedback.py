"""Feedback for repairing a proof: for each error, the tactic that failed and the goals before it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from farm.models.positions import Position

MOST_ERRORS = 16
MOST_GOALS = 8
MOST_GOAL_CHARS = 2_000
MOST_TACTIC_CHARS = 500
MOST_ERROR_CHARS = 500


class Feedback(BaseModel):
    """One error of a proof, with what a prover needs to repair it.

    Attributes:
        pos: where the error is, in the user's own text.
        error: the first `MOST_ERROR_CHARS` characters of Lean's message.
        tactic: the tactic that failed; None where the error is not in a tactic.
        tactic_pos: where that tactic begins.
        goals: the goals before the tactic; for the error `unsolved goals`, the goals that were left. There are at most
            `MOST_GOALS` goals. A goal of more than `MOST_GOAL_CHARS` characters loses its first hypotheses, because the
            last hypotheses matter most.
        left_out: how many goals were left out.
    """

    model_config = ConfigDict(frozen=True)

    pos: Position | None = None
    error: str
    tactic: str | None = None
    tactic_pos: Position | None = None
    goals: list[str] = Field(default_factory=list)
    left_out: int = 0
