"""Proof search over HTTP: goals, and for each of them the tactic sequences to try."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from farm.models.answers import Unfinished
from farm.models.limits import MAX_CANDIDATES, MAX_GOALS, MAX_TACTICS
from farm.models.proofs import EnvironmentName, LeanText, Proof
from farm.models.verdicts import Message

_ONE_SOURCE = "a goal is given by `code` with a sorry, or by `statement`"
_PLACEHOLDER = "by sorry"

Tactics = Annotated[list[LeanText], Field(min_length=1, max_length=MAX_TACTICS)]


def _as_sequence(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Sequence = Annotated[Tactics, BeforeValidator(_as_sequence, json_schema_input_type=LeanText | Tactics)]
"""Tactics as a client sends them: a string is a sequence of one tactic."""


class Candidates(BaseModel):
    """Tactic sequences to try on the first sorry of a text."""

    model_config = ConfigDict(frozen=True)

    proof: Proof
    candidates: list[Tactics]


class Goal(BaseModel):
    """A goal for which a proof is sought.

    Attributes:
        id: the name on the goal's answer; the goal's position as a decimal string when absent.
        code: a Lean text whose first sorry is the goal.
        statement: a source that ends in a theorem without a proof; the theorem's type is the goal.
        candidates: tactic sequences; a string is a sequence of one tactic.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    code: LeanText | None = None
    statement: LeanText | None = None
    candidates: Annotated[list[Sequence], Field(min_length=1)]

    @model_validator(mode="after")
    def _require_one_source(self) -> Goal:
        if (self.code is None) == (self.statement is None):
            raise ValueError(_ONE_SOURCE)
        # Refuse what `Proof` refuses in a statement, in the same words.
        _ = self.proof
        return self

    @property
    def proof(self) -> Proof:
        """The text that contains the goal."""
        return Proof(code=self.code or _PLACEHOLDER, statement=self.statement)


class TacticsRequest(BaseModel):
    """The body of `POST /v1/tactics`.

    Attributes:
        timeout_s: seconds each tactic may take; `LEAN_TIMEOUT_S` when absent.
        environment: the Lean environment to run in.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    goals: Annotated[list[Goal], Field(min_length=1, max_length=MAX_GOALS)]
    timeout_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    environment: EnvironmentName = "default"

    @model_validator(mode="after")
    def _bound(self) -> TacticsRequest:
        if sum(len(goal.candidates) for goal in self.goals) > MAX_CANDIDATES:
            raise ValueError(f"goals: at most {MAX_CANDIDATES} candidates in one request")
        names = [goal.id or str(index) for index, goal in enumerate(self.goals)]
        if len(set(names)) < len(names):
            raise ValueError("goals: two goals have the same id")
        return self


class Status(StrEnum):
    """The result of a tactic sequence on a goal; the last five concern the farm."""

    PROVED = "proved"
    OPEN = "open"
    SORRY = "sorry"
    ERROR = "error"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    CANCELLED = "cancelled"
    FARM_ERROR = "farm_error"


class Tried(BaseModel):
    """The result of one tactic sequence.

    Attributes:
        status: `proved` when no goal and no `sorry` is left; this is not yet a verdict on the text.
        goals: the goals that are left, as Lean prints them; none after an error.
        error: why the sequence failed.
        failed_at: the position of the failed tactic in the sequence; None when all ran.
        messages: Lean's messages on the last tactic that ran.
        time_s: seconds that the sequence's own tactics ran; tactics shared with an earlier sequence count for that one.
    """

    model_config = ConfigDict(frozen=True)

    status: Status
    goals: list[str] = Field(default_factory=list)
    error: str | None = None
    failed_at: int | None = None
    messages: list[Message] = Field(default_factory=list)
    time_s: float = 0.0


class GoalAnswer(BaseModel):
    """The result for one goal.

    Attributes:
        goal: the goal as Lean prints it; None when Lean did not get that far.
        error: why there is no goal: the text has errors, or no sorry.
        candidates: the results of the tactic sequences, in request order.
    """

    id: str
    goal: str | None = None
    error: str | None = None
    candidates: list[Tried]


class TacticsAnswer(Unfinished):
    """The answer to `POST /v1/tactics`, in request order; `time_s` is a sum over the workers."""

    results: list[GoalAnswer]
