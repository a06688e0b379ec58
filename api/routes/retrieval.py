"""Premise retrieval in batches of goals, in the shapes of /v1."""

from __future__ import annotations

import time
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from api.bodies import read_json
from api.described import FAILURES, body_of
from api.queries import ask, parse_queries
from api.replies import Disconnected
from api.service import RetrieverDep, ServiceDep
from farm.models import RetrieveBatchRequest, RetrievedBatch

router = APIRouter(prefix="/v1", tags=["premises"], responses=FAILURES)

_COLUMNS = ("score", "name", "kind", "module", "statement")


@router.post("/retrieve", response_model=RetrievedBatch, openapi_extra=body_of(RetrieveBatchRequest))
async def retrieve(request: Request, service: ServiceDep, _owner: RetrieverDep) -> Response:
    """Return the premises nearest to each of up to 64 goals, which share what the caller can see."""
    started = time.monotonic()
    value, _ = await read_json(request)
    try:
        answer = await ask(request, service, parse_queries(value, service))
    except Disconnected:
        return Response(status_code=499)
    results = [{"premises": [dict(zip(_COLUMNS, row, strict=True)) for row in rows]} for rows in answer["results"]]
    timings = _timings(answer, time.monotonic() - started)
    body = orjson.dumps({"results": results, "timings_s": timings})
    return Response(body, media_type="application/json", headers={"X-Corpus": answer["corpus"]})


def _timings(answer: dict[str, Any], total_s: float) -> dict[str, float]:
    """Return seconds by stage; what no stage took was spent waiting. Clocks of two hosts may differ: never below 0."""
    reply_s = max(0.0, time.time() - answer["answered_s"])
    stages: dict[str, float] = {**answer["timings_s"], "reply": reply_s}
    return {"queue": max(0.0, total_s - sum(stages.values())), **stages, "total": total_s}
