"""Premise retrieval with the routes, shapes and errors of lean-premise-server."""

from __future__ import annotations

import orjson
from fastapi import APIRouter, Depends, Request, Response

from api.bodies import parse_json, read_body
from api.described import COMPATIBLE_FAILURES, body_of
from api.queries import ask, parse_query
from api.replies import Disconnected
from api.service import Service, ServiceDep, get_retrieve_owner
from farm.errors import Unavailable
from farm.models import RetrievedPremise, RetrieveRequest
from farm.store.retrievals import Corpus, read_corpus

router = APIRouter(tags=["premises"], dependencies=[Depends(get_retrieve_owner)], responses=COMPATIBLE_FAILURES)


@router.post("/retrieve", response_model=list[RetrievedPremise], openapi_extra=body_of(RetrieveRequest))
async def retrieve(request: Request, service: ServiceDep) -> Response:
    """Return the premises nearest to a goal among those the caller can see."""
    retrieval = parse_query(parse_json(await read_body(request)), service)
    if retrieval.k <= 0:
        return Response(b"[]", media_type="application/json")
    try:
        answer = await ask(request, service, retrieval)
    except Disconnected:
        return Response(status_code=499)
    body = orjson.dumps([{"score": score, "name": name} for score, name in answer["results"][0]])
    return Response(body, media_type="application/json", headers={"X-Corpus": answer["corpus"]})


async def _corpus(request: Request, service: Service) -> Corpus:
    known = getattr(request.app.state, "corpus", None)
    corpus = await read_corpus(service.client, known)
    if corpus is None:
        raise Unavailable("The premise worker is still loading its corpus: `farm status` shows how far it is")
    request.app.state.corpus = corpus
    return corpus


@router.get("/indexed-modules", response_model=list[str])
async def indexed_modules(request: Request, service: ServiceDep) -> Response:
    """Return the modules of the corpus; the position is the id."""
    corpus = await _corpus(request, service)
    return Response(corpus.modules_json, media_type="application/json", headers={"X-Corpus": corpus.snapshot})


@router.get("/indexed-premises", response_model=list[str])
async def indexed_premises(request: Request, service: ServiceDep) -> Response:
    """Return the premises of the corpus before filtering; the position is the index `local_premises` uses."""
    corpus = await _corpus(request, service)
    return Response(corpus.premises_json, media_type="application/json", headers={"X-Corpus": corpus.snapshot})


@router.get("/max-new-premises", response_model=int)
async def max_new_premises(service: ServiceDep) -> int:
    """Return how many new premises of one request are looked at."""
    return service.settings.max_new_premises
