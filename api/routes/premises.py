"""Premise retrieval with the routes, shapes and errors of lean-premise-server."""

from __future__ import annotations

import time
from typing import Any

import orjson
from fastapi import APIRouter, Depends, Request, Response

from api.bodies import parse_json, read_body
from api.replies import Disconnected, wait_reply
from api.service import Service, ServiceDep, get_retrieve_owner
from farm.errors import FarmError, InvalidRequest, Unavailable
from farm.models import NewPremise, RetrievedPremise
from farm.store.codec import unpack
from farm.store.retrievals import Corpus, Names, Retrieval, read_corpus, submit

router = APIRouter(tags=["premises"], dependencies=[Depends(get_retrieve_owner)])

DEADLINE_S = 30.0
_SCHEMA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/RetrieveRequest"}}},
    }
}


def _refuse(name: str, text: str) -> InvalidRequest:
    return InvalidRequest(f"{name}: {text}", details=[{"loc": ["body", name], "msg": text, "type": "invalid"}])


def _field(body: dict[str, Any], name: str, kind: type, default: Any = None) -> Any:
    """Return a field of one JSON type; without a default it is required. A bool is no int, as in JSON."""
    if name not in body:
        if default is None:
            raise _refuse(name, "Field required")
        return default
    if type(body[name]) is not kind:
        raise _refuse(name, f"Input should be a valid {kind.__name__}")
    return body[name]


def _names(body: dict[str, Any], name: str) -> Names:
    """Return a list of ids and names; looked at by type sets, because lists of 130 000 are usual."""
    value = body.get(name)
    if value is not None and not (isinstance(value, list) and set(map(type, value)) <= {int, str}):
        raise _refuse(name, "Input should be a list of integers and strings")
    return value


def _new_premises(body: dict[str, Any], most: int) -> list[NewPremise]:
    value = _field(body, "new_premises", list, [])
    for each in value:
        if not (isinstance(each, dict) and isinstance(each.get("name"), str) and isinstance(each.get("decl"), str)):
            raise _refuse("new_premises", "Input should be objects with the strings `name` and `decl`")
    return [NewPremise.model_construct(name=each["name"], decl=each["decl"]) for each in value[:most]]


def parse_retrieval(body: Any, service: Service) -> Retrieval:
    """Return a premise query from the body of `POST /retrieve`.

    Raises:
        InvalidRequest: a field is missing or of the wrong type.
    """
    if not isinstance(body, dict):
        raise InvalidRequest("The body is no JSON object")
    settings = service.settings
    return Retrieval(
        state=_field(body, "state", str),
        k=min(_field(body, "k", int), settings.max_k),
        imported_modules=_names(body, "imported_modules"),
        local_premises=_names(body, "local_premises"),
        imported_all_modules=_names(body, "imported_all_modules"),
        new_premises=_new_premises(body, settings.max_new_premises),
        caller_in_module_system=_field(body, "caller_in_module_system", bool, False),
        reply=service.replies.key,
        deadline_ms=int((time.time() + DEADLINE_S) * 1000),
    )


@router.post("/retrieve", response_model=list[RetrievedPremise], openapi_extra=_SCHEMA)
async def retrieve(request: Request, service: ServiceDep) -> Response:
    """Return the premises nearest to a goal among those the caller can see."""
    retrieval = parse_retrieval(parse_json(await read_body(request)), service)
    if retrieval.k <= 0:
        return Response(b"[]", media_type="application/json")
    with service.replies.expect(f"retrieval:{retrieval.id}") as future:
        if await submit(service.client, retrieval, int(DEADLINE_S * 1000)):
            await service.call_embed()
        try:
            answer = unpack(await wait_reply(request, future, DEADLINE_S))
        except Disconnected:
            return Response(status_code=499)
    if "error" in answer:
        raise FarmError(answer["error"])
    body = orjson.dumps([{"score": score, "name": name} for score, name in answer["premises"]])
    return Response(body, media_type="application/json")


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
