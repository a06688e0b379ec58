"""The models of proof search over HTTP: goals, and the tactic sequences to try on each goal."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from farm.models.answers import Unfinished
from farm.models.closed_models import ClosedModel
from farm.models.limits import MAX_CANDIDATES, MAX_GOALS, MAX_TACTICS
from farm.models.open_words import OpenWord
from farm.models.proofs import EnvironmentName, LeanText, Proof
from farm.models.verdicts import Message

_ONE_SOURCE = "a goal is given by `code` with a sorry, or by `statement`"
_PLACEHOLDER = "by sorry"

Tactics = Annotated[list[LeanText], Field(min_length=1, max_length=MAX_TACTICS, fail_fast=True)]


def _as_sequence(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Sequence = Annotated[Tactics, BeforeValidator(_as_sequence, json_schema_input_type=LeanText | Tactics)]
"""A tactic sequence as a client sends it: a list of tactics, or a string for a sequence of one tactic."""


class Candidates(BaseModel):
    """The task to try tactic sequences on a goal: on the first sorry of a text, or on a statement."""

    model_config = ConfigDict(frozen=True)

    proof: Proof
    candidates: list[Tactics]


class Goal(ClosedModel):
    """A goal for which a proof is sought.

    Attributes:
        id: the name of the goal, which its answer repeats. When absent, the goal's position, as a decimal string.
        code: a Lean text whose first sorry is the goal.
        statement: a Lean source that ends in a theorem without a proof; the theorem's type is the goal.
        candidates: the tactic sequences to try; a string is a sequence of one tactic.
    """

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    code: LeanText | None = None
    statement: LeanText | None = None
    candidates: Annotated[list[Sequence], Field(min_length=1, max_length=MAX_CANDIDATES, fail_fast=True)]

    @model_validator(mode="after")
    def _require_one_source(self) -> Goal:
        if (self.code is None) == (self.statement is None):
            raise ValueError(_ONE_SOURCE)
        # Making the proof refuses whatever `Proof` refuses in a statement, with the same message.
        _ = self.proof
        return self

    @property
    def proof(self) -> Proof:
        """The goal as a proof: `code` with its sorry, or the statement with a sorry in place of a proof."""
        return Proof(code=self.code or _PLACEHOLDER, statement=self.statement)


class TacticsRequest(ClosedModel):
    """The body of `POST /v1/tactics`.

    Attributes:
        timeout_s: seconds each tactic may take; `LEAN_TIMEOUT_S` when absent.
        environment: the Lean environment to run in.
    """

    model_config = ConfigDict(frozen=True)

    goals: Annotated[list[Goal], Field(min_length=1, max_length=MAX_GOALS, fail_fast=True)]
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


class Status(OpenWord):
    """The result of a tactic sequence on a goal.

    `proved`, `open`, `sorry` and `error` concern the sequence. The other results concern the farm.
    """

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
        goals: the goals that are left, as Lean prints them; empty after an error.
        error: why the sequence failed; None if it did not fail.
        failed_at: the position of the failed tactic in the sequence; None if all tactics ran.
        messages: Lean's messages about the last tactic that ran.
        time_s: seconds that the sequence's tactics ran. If an earlier sequence begins with the same tactics, their time
            counts only for the earlier sequence.
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
        goal: the goal as Lean prints it; None if Lean did not get as far as the goal.
        error: why there is no goal: the text has errors, or it has no sorry.
        candidates: the results of the tactic sequences, in request order.
    """

    id: str
    goal: str | None = None
    error: str | None = None
    candidates: list[Tried]


class TacticsAnswer(Unfinished):
    """The answer to `POST /v1/tactics`, in the order of the request; `time_s` is the sum over all workers."""

    results: list[GoalAnswer]
