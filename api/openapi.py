"""Parts of the OpenAPI document that FastAPI cannot derive, such as the bodies of errors and of readiness answers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class ErrorBody(BaseModel):
    """What failed: a stable code, one sentence that says what to do, and facts about the failure."""

    code: str
    message: str
    details: Any = None


class ErrorAnswer(BaseModel):
    """The answer when a request fails on a route under `/v1` or on a route for probes."""

    error: ErrorBody


class DetailAnswer(BaseModel):
    """The answer when a request fails on a route that is compatible with another server."""

    detail: str | list[Any]


class PartReadiness(BaseModel):
    """Whether a part of the farm answers, and what an operator should know about it."""

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


def _failure(model: type[BaseModel], description: str, example: dict[str, Any]) -> dict[str, Any]:
    return {"model": model, "description": description, "content": {"application/json": {"example": example}}}


def _error(description: str, code: str, message: str) -> dict[str, Any]:
    return _failure(ErrorAnswer, description, {"error": {"code": code, "message": message}})


def _detail(description: str, message: str) -> dict[str, Any]:
    return _failure(DetailAnswer, description, {"detail": message})


UNFIT_BODY = "The body does not fit this route"

FAILURES: Responses = {
    422: _error(
        "The request cannot be understood, or asks for something impossible",
        "invalid",
        "proofs.0.statement: the level 'checked' needs one",
    ),
    "4XX": _error("Refused; `code` says why", "not_found", "There is no batch '6f1c'"),
    503: _error("A part of the farm does not answer: try again", "unavailable", "Redis does not answer"),
}
COMPATIBLE_FAILURES: Responses = {
    422: _detail("The request cannot be understood", UNFIT_BODY),
    "4XX": _detail("Refused", "Missing API key"),
    500: _detail("Overloaded, or a part of the farm does not answer: try again", "No available REPLs"),
}


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI entry for a body that a route parses itself; api/app.py adds the body's model."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": _reference(model)}}}}


def body_or_nothing(model: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI entry for a body that a route parses itself, and that may be absent or null."""
    schema = {"anyOf": [_reference(model), {"type": "null"}], "title": "Body"}
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
