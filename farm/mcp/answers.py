"""Makes the tools' answers from the farm's models: only the fields that an agent can act on."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from farm.mcp.bounded_output import cut_list
from farm.models import BatchStatus, DetailedPremise, GoalAnswer, Message, Outcome, Verdict
from farm.models.feedback import MOST_ERROR_CHARS, Feedback

_MOST_ERRORS = 5
_UNDECIDED = "The farm could not decide; this says nothing about the proof. Try again, or with a longer timeout_s."


def of_verdict(verdict: Verdict) -> dict[str, Any]:
    """Return what an agent needs of a verdict; it includes the first errors, and the first sorries as `holes`."""
    repairs = {(each.pos, each.error): each for each in verdict.feedback}
    errors = [_of_error(each, repairs.get((each.pos, each.data[:MOST_ERROR_CHARS]))) for each in _faults(verdict)]
    answer = {
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "level": verdict.level,
        "errors": cut_list(errors, _MOST_ERRORS),
        "holes": cut_list([{**_place(each.pos), "goal": each.goal} for each in verdict.sorries], _MOST_ERRORS),
        "axioms": verdict.axioms,
        "time_s": round(verdict.time_s, 3),
        "lean": verdict.environment.lean_version,
    }
    if verdict.outcome is Outcome.UNDECIDED:
        answer["note"] = _UNDECIDED
    return _filled(answer)


def of_goal(found: GoalAnswer, tactics: list[str]) -> dict[str, Any]:
    """Return a goal with the result of each tactic that was tried on it."""
    tried = [
        _filled({"tactic": tactic, "status": each.status, "goals": each.goals, "error": each.error})
        for tactic, each in zip(tactics, found.candidates, strict=True)
    ]
    return _filled({"goal": found.goal, "error": found.error, "tried": tried})


def of_premise(premise: DetailedPremise) -> dict[str, Any]:
    """Return a premise with a rounded score and without empty fields."""
    return _filled({**premise.model_dump(), "score": round(premise.score, 3)})


def of_status(status: BatchStatus) -> dict[str, Any]:
    """Return the progress of a batch."""
    return status.model_dump(mode="json", include={"batch_id", "state", "total", "done", "counts", "paused"})


def as_fields(reply: Any) -> dict[str, Any]:
    """Return a REPL's reply as a dictionary, even if the SDK has turned the reply into a model of lean_interact."""
    if isinstance(reply, BaseModel):
        return reply.model_dump(mode="json", by_alias=True, exclude_none=True)
    return dict(reply)


def of_reply(reply: Any) -> list[dict[str, Any]]:
    """Return Lean's messages about a command."""
    fields = as_fields(reply)
    if "message" in fields:
        return [{"severity": "error", "message": fields["message"]}]
    return [_of_message(Message.model_validate(each)) for each in fields.get("messages", [])]


def _faults(verdict: Verdict) -> list[Message]:
    """Return the errors of a proof; if the proof was not accepted but has no error, return all its messages."""
    errors = [each for each in verdict.messages if each.severity == "error"]
    return errors or ([] if verdict.outcome is Outcome.ACCEPTED else verdict.messages)


def _of_message(message: Message) -> dict[str, Any]:
    return {"severity": message.severity, **_place(message.pos), "message": message.data}


def _of_error(message: Message, repair: Feedback | None) -> dict[str, Any]:
    found = {"tactic": repair.tactic, "goals": repair.goals} if repair else {}
    return _filled({**_of_message(message), **found})


def _place(position: Any) -> dict[str, int]:
    return {"line": position.line, "column": position.column} if position else {}


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that are not empty: each field costs a model tokens."""
    return {name: value for name, value in fields.items() if value not in (None, "", [])}
