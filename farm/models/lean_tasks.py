"""The kinds of task that a batch can hold: proofs, sessions of commands, and searches with tactics."""

from __future__ import annotations

from typing import Any, TypeAlias

from farm.models.commands import Commands
from farm.models.proofs import Proof
from farm.models.tactics import Candidates

Task: TypeAlias = Proof | Commands | Candidates


def as_task(fields: dict[str, Any]) -> Task:
    """Return a task from its stored fields, which were checked when the task came in.

    Raises:
        ValueError: another release stored the task, in a form that this one cannot read.
    """
    if "requests" in fields:
        return Commands.model_validate(fields)
    if "candidates" in fields:
        return Candidates.model_validate(fields)
    if "code" not in fields:
        raise ValueError("The task is of a kind that this release does not know")
    return Proof.model_construct(**{"id": None, "statement": None, "problem": None, **fields})
