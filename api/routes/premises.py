"""Premise retrieval: for one goal with the routes, forms and errors of lean-premise-server; for many under /v1."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from api.bodies import parse_json, read_body, read_json
from api.openapi import COMPATIBLE_FAILURES, FAILURES, body_of
from api.queries import ask, parse_queries, parse_query
from api.replies import Disconnected
from api.service import RetrieverDep, Service, ServiceDep, get_retrieve_owner
from farm.errors import Unavailable
from farm.models import NewPremise, RetrieveBatchRequest, RetrievedBatch, RetrievedPremise, RetrieveRequest
from farm.store.retrievals import ServedCorpus, read_corpus

compatible = APIRouter(tags=["premises"], dependencies=[Depends(get_retrieve_owner)], responses=COMPATIBLE_FAILURES)
v1 = APIRouter(prefix="/v1", tags=["premises"], responses=FAILURES)

_COLUMNS = ("score", "name", "kind", "module", "statement")
_POSITION_COLUMNS = 2


@compatible.post("/retrieve", response_model=list[RetrievedPremise], openapi_extra=body_of(RetrieveRequest))
async def retrieve(request: Request, service: ServiceDep) -> Response:
    """Return the premises nearest to a goal, among the premises that the request makes accessible."""
    retrieval = parse_query(parse_json(await read_body(request)), service)
    if retrieval.k <= 0:
        return Response(b"[]", media_type="application/json")
    try:
        answer = await ask(request, service, retrieval)
    except Disconnected:
        return Response(status_code=499)
    body = orjson.dumps([{"score": score, "name": name} for score, name in answer["results"][0]])
    return Response(body, media_type="application/json", headers={"X-Corpus": answer["corpus"]})


async def _corpus(request: Request, service: Service) -> ServedCorpus:
    known = getattr(request.app.state, "corpus", None)
    corpus = await read_corpus(service.client, known)
    if corpus is None:
        raise Unavailable("The premise worker is still loading its corpus: `farm status` shows how far it is")
    request.app.state.corpus = corpus
    return corpus


@compatible.get("/indexed-modules", response_model=list[str])
async def indexed_modules(request: Request, service: ServiceDep) -> Response:
    """Return the modules of the corpus; a module's position is its id."""
    corpus = await _corpus(request, service)
    return Response(corpus.modules_json, media_type="application/json", headers={"X-Corpus": corpus.snapshot})


@compatible.get("/indexed-premises", response_model=list[str])
async def indexed_premises(request: Request, service: ServiceDep) -> Response:
    """Return the premises of the corpus before filtering; `local_premises` of a query holds positions in this list."""
    corpus = await _corpus(request, service)
    return Response(corpus.premises_json, media_type="application/json", headers={"X-Corpus": corpus.snapshot})


@compatible.get("/max-new-premises", response_model=int)
async def max_new_premises(service: ServiceDep) -> int:
    """Return how many new premises one request may use; further new premises in the request are ignored."""
    return service.settings.max_new_premises


@v1.post("/retrieve", response_model=RetrievedBatch, openapi_extra=body_of(RetrieveBatchRequest))
async def retrieve_many(request: Request, service: ServiceDep, _owner: RetrieverDep) -> Response:
    """Return the premises nearest to each of up to 64 goals; the same premises are accessible to all goals."""
    started = time.monotonic()
    value, _ = await read_json(request)
    retrieval = parse_queries(value, service)
    try:
        answer = await ask(request, service, retrieval)
    except Disconnected:
        return Response(status_code=499)
    timings = _timings(answer, time.monotonic() - started)
    body = _body(answer["results"], retrieval.new_premises, timings)
    return StreamingResponse(body, media_type="application/json", headers={"X-Corpus": answer["corpus"]})


async def _body(
    results: list[list[list[Any]]], new: list[NewPremise], timings: dict[str, float]
) -> AsyncIterator[bytes]:
    """Yield a `RetrievedBatch` as JSON, one goal at a time: each goal may show the text of every new premise again."""
    before = b'{"results":['
    for rows in results:
        yield before + orjson.dumps({"premises": [_premise(row, new) for row in rows]})
        before = b","
    yield b'],"timings_s":' + orjson.dumps(timings) + b"}"


def _premise(row: list[Any], new: list[NewPremise]) -> dict[str, Any]:
    """Return a row of an answer (see `farm.store.room_queues.Room.reply_all`) as a `DetailedPremise`."""
    if len(row) == _POSITION_COLUMNS:
        score, position = row
        row = [score, new[position].name, None, None, new[position].decl]
    return dict(zip(_COLUMNS, row, strict=True))


def _timings(answer: dict[str, Any], total_s: float) -> dict[str, float]:
    """Return the seconds that each stage took; `queue` is the rest of the total.

    A value below 0, which comes from a difference between the clocks of two hosts, becomes 0.
    """
    reply_s = max(0.0, time.time() - answer["answered_s"])
    stages: dict[str, float] = {**answer["timings_s"], "reply": reply_s}
    return {"queue": max(0.0, total_s - sum(stages.values())), **stages, "total": total_s}


router = APIRouter()
router.include_router(v1)
router.include_router(compatible)
