"""The models of verdicts: a verdict is the farm's answer about one proof."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from farm.models.feedback import Feedback
from farm.models.open_words import OpenWord
from farm.models.positions import Position
from farm.models.proofs import Level
from farm.models.reports import Report


class Outcome(StrEnum):
    """The three outcomes of a verdict; `undecided` says something about the farm and nothing about the proof."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNDECIDED = "undecided"


class Reason(OpenWord):
    """Why a proof was not accepted."""

    ERROR = "error"
    SORRY = "sorry"
    AXIOM = "axiom"
    STATEMENT = "statement"
    MISSING = "missing"
    POLICY = "policy"
    PARSE = "parse"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    CANCELLED = "cancelled"
    FARM_ERROR = "farm_error"
    INVALID_STATEMENT = "invalid_statement"

    @property
    def outcome(self) -> Outcome:
        """The outcome that goes with this reason: `rejected` or `undecided`.

        Raises:
            ValueError: the reason comes from a later release, and this one does not know its outcome.
        """
        if not self.is_known:
            raise ValueError(f"This release does not know the reason {self.value!r}: read the verdict's own outcome")
        return Outcome.UNDECIDED if self in UNDECIDED_REASONS else Outcome.REJECTED


# The version of the rules by which proofs are judged; it changes whenever the rules change. Verdicts that were made
# under another version are not reused, and an operator can revoke them.
POLICY_VERSION = "6"

UNDECIDED_REASONS = frozenset(
    {
        Reason.TIMEOUT,
        Reason.OUT_OF_MEMORY,
        Reason.CRASHED,
        Reason.CANCELLED,
        Reason.FARM_ERROR,
        Reason.INVALID_STATEMENT,
    }
)
_RANKS = {level: rank for rank, level in enumerate(Level)}
REWARDS = {Outcome.ACCEPTED: 1.0, Outcome.REJECTED: 0.0, Outcome.UNDECIDED: None}


class Message(BaseModel):
    """One message about the proof, from Lean or from the farm."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    severity: Literal["error", "warning", "info", "trace"]
    pos: Position | None = None
    end_pos: Position | None = Field(default=None, alias="endPos")
    data: str


class Sorry(BaseModel):
    """A `sorry` that was left in the proof."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    pos: Position | None = None
    end_pos: Position | None = Field(default=None, alias="endPos")
    goal: str


class Environment(BaseModel):
    """The Lean, the project and the REPL that judged the proof.

    Attributes:
        lean_version: the Lean version for which the REPL was built, such as `v4.29.0`; None when there is no Lean.
        project: the Lean project in which the REPL ran; None for Lean without a project.
        repl: the REPL that answered.
        sandbox: the active layers of the sandbox around the REPL, outermost first.
    """

    model_config = ConfigDict(frozen=True)

    lean_version: str | None = None
    project: str | None = None
    repl: str | None = None
    sandbox: list[str] = Field(default_factory=list)


class Evidence(BaseModel):
    """What a verdict rests on besides Lean's own messages.

    Attributes:
        policy: the version of the rules that were applied: the `POLICY_VERSION` of the farm that judged.
        gate: the gate that was applied to the text.
        statement: whether the statement was proved; None if it was not checked, or if the text had errors.
        answers: the proof's values for the statement's holes, by name; absent if there are no holes.
        native: whether axioms from `native_decide` were allowed; absent if they were not.
        front: `own` if the gate refuses the statement's front, which is the text before its theorems. The proof then
            ran in a REPL that serves only this key and this front. Absent otherwise.
        checker: what an external checker said: its name and version, its answer, and the seconds that it took.
        checkers: the same for each checker, if there were several; absent otherwise.
        unsound: the known faults of the Lean that judged, through which it may accept a proof of `False`
            (`farm.toolchains`); absent if no fault is known.
    """

    model_config = ConfigDict(frozen=True)

    policy: str = POLICY_VERSION
    gate: Literal["off", "strict"] = "off"
    statement: Literal["proved", "failed"] | None = None
    checker: dict[str, Any] | None = None
    answers: dict[str, str] = Field(default_factory=dict, exclude_if=lambda answers: not answers)
    native: bool = Field(default=False, exclude_if=lambda native: not native)
    front: Literal["own"] | None = Field(default=None, exclude_if=lambda front: front is None)
    checkers: list[dict[str, Any]] = Field(default_factory=list, exclude_if=lambda checkers: not checkers)
    unsound: list[str] = Field(default_factory=list, exclude_if=lambda faults: not faults)


class Verdict(BaseModel):
    """The farm's answer about one proof.

    Attributes:
        outcome: the result. It is `accepted` only if the proof reached the requested level.
        level: the highest level that the proof reached; `none` if it was not accepted.
        reason: why the proof was not accepted; None if it was accepted.
        reward: 1.0 if accepted, 0.0 if rejected, None if undecided or revoked.
        time_s: seconds the proof ran.
        queue_s: seconds the proof waited before it ran.
        attempts: how many runs the proof took; 0 if it never ran.
        axioms: the full names of the axioms on which the proof depends; empty at the level `compiled`.
        evidence: what else the verdict rests on.
        feedback: what a prover needs to repair the proof, error by error; absent if the request did not ask for
            feedback, or if there is none.
        report: the REPL's own reply, on routes that are compatible with other servers; absent on other routes.
        revoked: why the verdict was revoked later (`farm revoke`): the name of a version that was declared bad, or
            `canary accepted`. Absent if the verdict stands.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    index: int
    outcome: Outcome
    level: Level = Level.NONE
    reason: Reason | None = None
    reward: float | None = None
    messages: list[Message] = Field(default_factory=list)
    sorries: list[Sorry] = Field(default_factory=list)
    axioms: list[str] = Field(default_factory=list)
    time_s: float = 0.0
    queue_s: float = 0.0
    attempts: int = 1
    cached: bool = False
    environment: Environment = Field(default_factory=Environment)
    evidence: Evidence = Field(default_factory=Evidence)
    feedback: list[Feedback] = Field(default_factory=list, exclude_if=lambda feedback: not feedback)
    report: Report | None = Field(default=None, exclude_if=lambda report: report is None)
    revoked: str | None = Field(default=None, exclude_if=lambda revoked: revoked is None)

    def dump(self) -> dict[str, Any]:
        """Return the verdict in the form in which it goes over HTTP."""
        return self.model_dump(mode="json", by_alias=True)


def verdict(id: str, index: int, *, reason: Reason | None, level: Level = Level.COMPILED, **evidence: Any) -> Verdict:
    """Return a verdict; its outcome, level and reward follow from the reason.

    Args:
        id: the proof's id.
        index: the proof's position in the batch.
        reason: why the proof is not accepted; None if it is accepted.
        level: the level that an accepted proof reached; ignored if there is a reason.
        evidence: the remaining fields of `Verdict`.
    """
    outcome = reason.outcome if reason else Outcome.ACCEPTED
    reached = Level.NONE if reason else level
    return Verdict(
        id=id, index=index, outcome=outcome, level=reached, reason=reason, reward=REWARDS[outcome], **evidence
    )


def rewards(
    verdicts: Iterable[Verdict], *, undecided: float | None = None, level: Level = Level.COMPILED
) -> list[float | None]:
    """Return one reward per verdict, in the order of the verdicts.

    Args:
        verdicts: the verdicts of a batch.
        undecided: the reward for a proof that the farm could not decide. With None, the trainer can leave such a proof
            out. The trainer's user has to choose: if a timeout costs nothing, a model learns to hang.
        level: the level that accepted proofs must have reached; use `checked` to train a model.

    Raises:
        ValueError: a proof was accepted at a level below `level`, because its batch asked for no higher one.
    """
    found = list(verdicts)
    for each in found:
        if each.reason is None and _RANKS[each.level] < _RANKS[level]:
            raise ValueError(f"Proof {each.id!r} was accepted at {each.level.value!r}: ask for level={level.value!r}")
    return [undecided if each.reward is None else each.reward for each in found]
