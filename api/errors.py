"""Turns errors into responses.

A response has the form of /v1. On the routes that are compatible with other servers, it has the form `{"detail": …}`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from farm.errors import FarmError, InvalidRequest, MethodNotAllowed, NotFound, RateLimited, Unavailable, plain

_PREMISES = ("/retrieve", "/indexed-", "/max-new-premises")
_KIMINA = ("/api/check", "/verify", "/one_pass_verify_batch", "/health")
_MOST_DETAILS = 20
MOST_NAME_CHARS = 200
"""A name that a user gave is quoted up to this length."""


def invalid(error: ValidationError | RequestValidationError, first_entry: int = 0) -> InvalidRequest:
    """Return one error for pydantic's findings; its text gives the first finding, and its details list the first 20.

    No finding quotes the input, except the beginning of an unknown field's name.

    Args:
        error: the findings.
        first_entry: where the validated part of a list begins, as an index in the whole list; 0 if the list was
            validated at once.
    """
    findings = [
        {"loc": _shifted(list(each["loc"]), first_entry), "msg": plain(each["msg"])} for each in findings_of(error)
    ]
    first = findings[0]
    where = ".".join(str(part) for part in first["loc"]) or "body"
    return InvalidRequest(f"{where}: {first['msg']}", details=findings)


def findings_of(error: ValidationError | RequestValidationError) -> Sequence[Any]:
    """Return pydantic's first 20 findings, as dictionaries without the input."""
    if isinstance(error, RequestValidationError):
        return error.errors()[:_MOST_DETAILS]
    return error.errors(include_url=False, include_context=False, include_input=False)[:_MOST_DETAILS]


def _shifted(place: list[Any], first_entry: int) -> list[Any]:
    """Return the place of a finding in the whole body.

    `place` consists of keys and indices, such as `["proofs", 3, "code"]`. If the list was validated in parts, the index
    at the second position counts from the first entry of a part. So `first_entry` is added to this index.
    """
    return [
        part + first_entry if depth == 1 and isinstance(part, int) else _shown(part) for depth, part in enumerate(place)
    ]


def _shown(part: Any) -> Any:
    """Return a part of a finding's place; a field's name is cut short, because it may be megabytes long."""
    return part[:MOST_NAME_CHARS] if isinstance(part, str) else part


def error_response(request: Request, error: FarmError) -> Response:
    """Return the response to a request that failed."""
    headers = {}
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    elif isinstance(error, Unavailable):
        headers["Retry-After"] = "1"
    if getattr(request.state, "hangs_up", False):
        headers["Connection"] = "close"
    path = request.url.path
    if path.startswith(_KIMINA) and isinstance(error, RateLimited):
        return JSONResponse({"detail": "No available REPLs"}, error.status, headers)
    if path.startswith(_PREMISES + _KIMINA):
        # Clients of Kimina's server and of lean-premise-server know only the statuses 422 and 500. The client of
        # lean-premise-server prints `detail`.
        status = 500 if error.retryable or error.status > 500 else error.status
        detail: Any = error.details if isinstance(error, InvalidRequest) and error.details else error.message
        return JSONResponse({"detail": detail}, status, headers)
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.details is not None:
        body["details"] = error.details
    return JSONResponse({"error": body}, error.status, headers)


def add_error_handlers(app: FastAPI) -> None:
    """Make the app answer every failure as `error_response` does."""

    async def farm_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, FarmError)  # noqa: S101 - registered for it
        return error_response(request, error)

    async def validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
        return error_response(request, invalid(error))

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
        known: dict[int, FarmError] = {
            404: NotFound(f"There is no {request.url.path}: see /docs"),
            405: MethodNotAllowed(f"{request.url.path} does not take {request.method}: see /docs"),
        }
        answer = error_response(request, known.get(error.status_code, InvalidRequest(str(error.detail))))
        if error.headers:
            answer.headers.update(error.headers)
        return answer

    async def disconnected(_request: Request, _error: Exception) -> Response:
        # The client left before its body arrived. Nobody reads this answer; the log and the counts of requests show it.
        return Response(status_code=499)

    async def fault(request: Request, _error: Exception) -> Response:
        # The exception goes on to api/access.py, which logs it.
        return error_response(request, FarmError("The farm failed because of a bug; its log shows where"))

    app.add_exception_handler(FarmError, farm_error)
    app.add_exception_handler(RequestValidationError, validation_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(ClientDisconnect, disconnected)
    app.add_exception_handler(Exception, fault)
