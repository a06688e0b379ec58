"""Checks texts with the routes, bodies and messages of Kimina Lean Server.

docs/compatibility.md lists what differs here.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import orjson
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ValidationError

from api.bodies import count_entries, parse_json, read_body
from api.errors import findings_of
from api.intake import too_many
from api.kimina import Json, SnippetOptions, run_checks
from api.large_texts import read_aside
from api.openapi import COMPATIBLE_FAILURES, UNFIT_BODY, body_of
from api.replies import Disconnected
from api.service import ServiceDep, get_bare_owner
from farm.errors import InvalidRequest
from farm.models import ReportRequest
from farm.models.kimina import CheckRequest, CheckResponse, VerifyRequest, VerifyResponse
from farm.models.limits import MAX_BATCH_PROOFS

router = APIRouter(tags=["kimina"], responses=COMPATIBLE_FAILURES)

Model = TypeVar("Model", bound=BaseModel)
BareOwnerDep = Annotated[str, Depends(get_bare_owner)]


async def _read(request: Request, model: type[Model]) -> Model:
    """Return the body, whatever its Content-Type, with the same pydantic conversions as Kimina's server."""
    body = await read_body(request)
    value = parse_json(body)
    if max(count_entries(value, field) for field in ("snippets", "codes")) > MAX_BATCH_PROOFS:
        raise too_many()
    return await read_aside(len(body), _fit, model, value)


def _fit(model: type[Model], value: Any) -> Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        details = [{**each, "loc": ["body", *each["loc"]]} for each in findings_of(error)]
        raise InvalidRequest(UNFIT_BODY, details=details) from error


def _json(results: list[Json]) -> Response:
    return Response(orjson.dumps({"results": results}), media_type="application/json")


@router.post("/api/check", response_model=CheckResponse, openapi_extra=body_of(CheckRequest))
@router.post("/api/check/", include_in_schema=False)
async def check(request: Request, service: ServiceDep, owner: BareOwnerDep) -> Response:
    """Check snippets and wait; answers come back in request order."""
    body = await _read(request, CheckRequest)
    report = ReportRequest(infotree=body.infotree, is_fresh=not body.reuse, is_measured=body.debug)
    texts = [snippet.code for snippet in body.snippets]
    try:
        answers = await run_checks(request, service, owner, texts, SnippetOptions(body.timeout, report))
    except Disconnected:
        return Response(status_code=499)
    return _json([{"id": each.id, **answer} for each, answer in zip(body.snippets, answers, strict=True)])


@router.post(
    "/verify",
    summary="Verify, for Kimina's clients",
    response_model=VerifyResponse,
    openapi_extra=body_of(VerifyRequest),
)
@router.post(
    "/one_pass_verify_batch",
    summary="Verify, for Kimina's older clients",
    response_model=VerifyResponse,
    openapi_extra=body_of(VerifyRequest),
)
@router.post("/verify/", include_in_schema=False)
@router.post("/one_pass_verify_batch/", include_in_schema=False)
async def verify(request: Request, service: ServiceDep, owner: BareOwnerDep) -> Response:
    """Check texts and wait; requests and answers have the form that Kimina used before `/api/check`."""
    body = await _read(request, VerifyRequest)
    report = ReportRequest(infotree=body.infotree_type, is_fresh=body.disable_cache)
    texts = [code.text for code in body.codes]
    try:
        answers = await run_checks(request, service, owner, texts, SnippetOptions(body.timeout, report))
    except Disconnected:
        return Response(status_code=499)
    return _json([_older(str(each.custom_id), answer) for each, answer in zip(body.codes, answers, strict=True)])


def _older(custom_id: str, answer: Json) -> Json:
    """Return the older form of an answer: the time is part of the response, and an error comes without a time."""
    if "error" in answer:
        return {"custom_id": custom_id, "error": answer["error"]}
    return {"custom_id": custom_id, "response": {**answer["response"], "time": answer["time"]}}


@router.get("/health")
@router.get("/health/", include_in_schema=False)
async def health() -> dict[str, str]:
    """Say that this process answers; `/readyz` says whether the farm is ready."""
    return {"status": "ok"}
