"""LeanInteract over HTTP: sessions of requests, and tactics tried on goals."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from api.large_texts import read_aside
from api.lean_tasks import Work, finding, read_model, run_tasks
from api.openapi import FAILURES, body_of
from api.replies import Disconnected
from api.service import ServiceDep, VerifierDep
from api.tactic_search import answer_goals, split_goals
from farm.models import Commands, CommandsAnswer, CommandsRequest, TacticsAnswer, TacticsRequest

router = APIRouter(prefix="/v1", tags=["lean"], responses=FAILURES)


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")


@router.post("/commands", response_model=CommandsAnswer, openapi_extra=body_of(CommandsRequest))
async def commands(request: Request, service: ServiceDep, owner: VerifierDep) -> Response:
    """Run LeanInteract requests in order in one fresh REPL process, and wait."""
    body = await read_model(request, CommandsRequest)
    task = Commands(requests=body.requests)
    try:
        [found] = await run_tasks(request, service, owner, Work(body.timeout_s, body.environment, [("", task)]))
    except Disconnected:
        return Response(status_code=499)
    return _json({**finding(found), "responses": found.get("answers", [])})


@router.post("/tactics", response_model=TacticsAnswer, openapi_extra=body_of(TacticsRequest))
async def tactics(request: Request, service: ServiceDep, owner: VerifierDep) -> Response:
    """Try tactic sequences on goals, on many workers at once, and wait.

    A sequence that proves a goal has not been verified yet: send it to be verified with its statement.
    """
    body = await read_model(request, TacticsRequest)
    size = sum(len(goal.code or goal.statement or "") for goal in body.goals)
    shares = await read_aside(size, split_goals, body.goals)
    work = Work(body.timeout_s, body.environment, [(share.header, share.task) for share in shares])
    try:
        found = await run_tasks(request, service, owner, work)
    except Disconnected:
        return Response(status_code=499)
    return _json(answer_goals(body.goals, shares, found))
