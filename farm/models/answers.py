"""A worker's answers to the tasks that are not proofs: sessions of commands, and searches with tactics."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from farm.models.verdicts import Environment, Reason


class Unfinished(BaseModel):
    """The common part of the answers to tasks for which a client waits. The subclasses add the results.

    Attributes:
        reason: why results are missing; None when no result is missing.
        message: the reason in words.
        time_s: seconds the task ran.
        queue_s: seconds the task waited before it ran.
        attempts: how many runs the task took.
        environment: the Lean environment that answered.
    """

    model_config = ConfigDict(frozen=True)

    reason: Reason | None = None
    message: str = ""
    time_s: float = 0.0
    queue_s: float = 0.0
    attempts: int = 1
    environment: Environment = Field(default_factory=Environment)


class Answer(Unfinished):
    """A worker's answer to one task. The store keeps an answer in the same way as the verdict of a proof.

    Attributes:
        answers: one answer for each request of the task, in order. After an early end, the last answers are missing.
    """

    id: str
    index: int
    outcome: Literal["answered"] = "answered"
    answers: list[dict[str, Any]]

    def dump(self) -> dict[str, Any]:
        """Return the answer as it is stored."""
        return self.model_dump(mode="json")
