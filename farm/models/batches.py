"""The models of batches: the answer to a submission, the status of a batch, and pages of its results."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from farm.models.closed_models import ClosedModel
from farm.models.open_words import OpenWord
from farm.models.proofs import Label, Options, Proof, Tags
from farm.models.verdicts import Verdict


class BatchState(OpenWord):
    """The state of a batch."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


class BatchRequest(Options):
    """The JSON body of `POST /v1/batches` and `POST /v1/verify`: the proofs, and their options."""

    proofs: list[Proof] = Field(min_length=1)

    @property
    def options(self) -> Options:
        """The options of the request, without its proofs."""
        return Options.model_construct(**{name: getattr(self, name) for name in Options.model_fields})


class BatchAccepted(BaseModel):
    """The answer to a submission, with status 202."""

    batch_id: str
    total: int
    links: dict[str, str]


class Counts(BaseModel):
    """How many of a batch's finished proofs have each outcome."""

    accepted: int = 0
    rejected: int = 0
    undecided: int = 0


class BatchStatus(BaseModel):
    """How far a batch has got.

    Attributes:
        paused: whether the farm has stopped the batch until an operator resumes the key.
        created_at: when the batch was created: Unix time in seconds on the farm's clock.
        finished_at: when the batch finished, in the same form; None until then.
        revoked: how many of the batch's verdicts have been revoked.
        invalid_statements: how many of the batch's proofs have a statement that Lean cannot read.
        reasons: how many verdicts have each reason; accepted proofs have no reason. Empty if the release that ran the
            batch did not count reasons.
        label: the name that the submitter gave the batch.
        tags: words by which the submitter can find the batch.
        parent: the batch whose proofs this batch runs again; None if it is not a rerun.
        first: the `problem` of the first proof, or else its `id`; None if it has neither.
    """

    batch_id: str
    state: BatchState
    total: int
    done: int
    counts: Counts
    paused: bool = False
    created_at: float
    finished_at: float | None = None
    revoked: int = 0
    invalid_statements: int = 0
    reasons: dict[str, int] = Field(default_factory=dict)
    label: str | None = None
    tags: list[str] = Field(default_factory=list)
    parent: str | None = None
    first: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether every proof has its verdict, and every canary has been judged."""
        return self.finished_at is not None


class ResultsPage(BaseModel):
    """Verdicts in the order in which their proofs finished, and the cursor of the next page."""

    results: list[Verdict]
    next: str
    done: bool


class Verified(BaseModel):
    """The answer to `POST /v1/verify`: the verdicts in the order of the proofs in the request."""

    results: list[Verdict]


class Item(BaseModel):
    """One proof of a batch as it was submitted, with its verdict once there is one."""

    model_config = ConfigDict(frozen=True)

    index: int
    proof: Proof
    verdict: Verdict | None = None


class ItemsPage(BaseModel):
    """Proofs of a batch in the order of their indices, and where the next page begins.

    Attributes:
        next: the index after which the next page begins; None on the last page.
    """

    items: list[Item]
    next: int | None


class ItemName(BaseModel):
    """The name of a proof of a batch.

    Attributes:
        id: the id that the proof's verdict has.
        problem: the problem that the proof attempts; None if the proof names no problem.
    """

    index: int
    id: str
    problem: str | None = None


class NamesPage(BaseModel):
    """Names of a batch's proofs in the order of their indices, and where the next page begins.

    Attributes:
        next: the index after which the next page begins; None on the last page.
    """

    names: list[ItemName]
    next: int | None


class MatchesPage(BaseModel):
    """The proofs of a batch that have a given text in a message or goal, in the order in which they finished.

    Attributes:
        indices: the proofs' indices.
        next: the cursor after which the next page begins.
        done: whether this is the last page: the batch is finished, and all of it has been searched.
    """

    indices: list[int]
    next: str
    done: bool


class RerunRequest(ClosedModel):
    """The JSON body of `POST /v1/batches/{id}/rerun`.

    Attributes:
        outcome: the batch's proofs with this outcome run again.
        label: the new batch's label; when absent, the old batch's label.
        tags: the new batch's tags; when absent, the old batch's tags.
    """

    outcome: Literal["undecided"] = "undecided"
    label: Label | None = None
    tags: Tags | None = None
