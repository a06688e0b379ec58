"""What the OpenAPI document says beside what FastAPI finds out by itself: the shapes of failures, of readiness."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class ErrorBody(BaseModel):
    """What failed: a stable code, one actionable sentence, and facts about it."""

    code: str
    message: str
    details: Any = None


class ErrorAnswer(BaseModel):
    """A failure on `/v1` and of probes."""

    error: ErrorBody


class DetailAnswer(BaseModel):
    """A failure on routes that are compatible with another server."""

    detail: str | list[Any]


class PartReadiness(BaseModel):
    """Whether a part of the farm answers, and what an operator should know of it."""

    ready: bool
    notice: str
    workers: int = 0
    engine: str = ""
    progress: float = 0.0


class ReadinessAnswer(BaseModel):
    """Whether every part answers: `ready`, `degraded` (not every Lean environment is served) or `not ready`."""

    status: str
    checks: dict[str, PartReadiness]


Responses = dict[int | str, dict[str, Any]]

FAILURES: Responses = {
    422: {"model": ErrorAnswer, "description": "The request cannot be understood, or asks for what cannot be"},
    "4XX": {"model": ErrorAnswer, "description": "Refused; `code` says why"},
    503: {"model": ErrorAnswer, "description": "A part of the farm does not answer: try again"},
}
COMPATIBLE_FAILURES: Responses = {
    422: {"model": DetailAnswer, "description": "The request cannot be understood"},
    "4XX": {"model": DetailAnswer, "description": "Refused"},
    500: {"model": DetailAnswer, "description": "Overloaded, or a part of the farm does not answer: try again"},
}


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return what the document says of a body that its route parses itself; api/app.py adds the model."""
    reference = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": reference}}}}
