"""Routes for operators and probes: workers, readiness, metrics for Prometheus."""

from __future__ import annotations

import os
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from api.environments import describe, lean_notice, lean_workers
from api.example_answers import NOT_READY
from api.metrics import Readings, render
from api.openapi import FAILURES, ReadinessAnswer
from api.service import OperatorDep, ServiceDep, VerifierDep, admit_stranger
from farm.errors import StoreUnavailable
from farm.history import KEPT_MINUTES
from farm.local import start_token
from farm.models import (
    DEFAULT_ENVIRONMENT,
    EnvironmentList,
    FarmStatus,
    History,
    WorkerKind,
    WorkerStatus,
    lean_part,
)
from farm.store.cache import read_cache_stats_async
from farm.store.environments import read_records
from farm.store.history import read_history
from farm.store.metric_counts import read_figures, read_queue_ages
from farm.store.pauses import read_alarms
from farm.store.registry import read_status, read_totals
from farm.store.retrievals import read_edition
from farm.store.schema import read_schema_async

router = APIRouter(tags=["operations"], responses=FAILURES)


@router.get("/v1/workers", response_model=FarmStatus)
async def workers(service: ServiceDep, _owner: OperatorDep) -> FarmStatus:
    """Get the workers, and how many proofs wait and run."""
    status = await read_status(service.client)
    return status.model_copy(update={"flower": service.settings.flower_url})


@router.get("/v1/environments", response_model=EnvironmentList)
async def environments(service: ServiceDep, _owner: VerifierDep) -> EnvironmentList:
    """Get the Lean environments that a request may name, and the workers that serve them."""
    status, records = await read_status(service.client), await read_records(service.client)
    found = [describe(queue, status, records.get(queue.environment)) for queue in status.queues]
    return EnvironmentList(environments=found)


@router.get("/v1/history", response_model=History)
async def history(
    service: ServiceDep,
    _owner: OperatorDep,
    minutes: Annotated[int, Query(ge=1, le=KEPT_MINUTES)] = 60,
    hosts: bool = False,
) -> Response:
    """Get the figures of the last minutes, the events that explain them, and the alarms of this moment.

    The reaper writes one sample a minute and keeps a day of them. A minute about which nothing is known is null.
    """
    found = await read_history(service.client, minutes, with_hosts=hosts)
    # FastAPI does not write this answer, because it would validate a day's 1440 minutes once more.
    return Response(found.model_dump_json(), media_type="application/json")


@router.get("/livez")
async def livez(response: Response) -> dict[str, str]:
    """Say that this process answers."""
    if token := os.environ.get(start_token.VARIABLE):
        response.headers[start_token.HEADER] = token
    return {"status": "ok"}


def _rooms(status: FarmStatus) -> dict[str, Any]:
    """Return what `/readyz` says about each room of workers.

    Lean has a room for the default environment, and for each other environment that has workers or waiting proofs.
    """
    rooms = {}
    for queue in status.queues:
        members = lean_workers(status, queue.environment)
        if members or queue.pending or queue.environment == DEFAULT_ENVIRONMENT:
            # A process without Lean counts as well: it answers that each proof is undecided, and why.
            rooms[lean_part(queue.environment)] = _room(members, bool(members), lean_notice(queue, members))
    for kind in (WorkerKind.EMBED, WorkerKind.PREMISES):
        members = [worker for worker in status.workers if worker.kind is kind]
        can_answer = any(worker.state in ("idle", "busy") for worker in members)
        notice = " ".join(sorted({worker.notice for worker in members if worker.notice}))
        missing = f"No {kind.value} worker is running: `python -m workers.{kind.value}` starts one"
        rooms[kind.value] = _room(members, can_answer, notice if members else missing)
    return rooms


def _room(members: list[WorkerStatus], can_answer: bool, notice: str) -> dict[str, Any]:
    """Return what `/readyz` says about one room; a notice to the operator does not make the room unready."""
    engines = sorted({worker.engine for worker in members if worker.engine})
    sandboxes = sorted({worker.sandbox for worker in members if worker.sandbox})
    progress = min((worker.progress for worker in members), default=0.0)
    return {
        "ready": can_answer,
        "workers": len(members),
        "engine": ", ".join(engines),
        "sandbox": "; ".join(sandboxes),
        "progress": progress,
        "notice": notice,
    }


@router.get(
    "/readyz",
    response_model=ReadinessAnswer,
    responses={
        503: {
            "model": ReadinessAnswer,
            "description": "A part does not answer",
            "content": {"application/json": {"example": NOT_READY}},
        }
    },
    dependencies=[Depends(admit_stranger)],
)
async def readyz(service: ServiceDep) -> Response:
    """Say whether every part of the farm answers, and what an operator should know about each.

    `degraded` means that the default Lean environment, or an environment with waiting proofs, has no worker, but
    another environment has one. The status is then still 200, so that the other environment's users are not turned
    away.
    """
    try:
        status, edition = await read_status(service.client), await read_edition(service.client)
        schema = await read_schema_async(service.client)
    except StoreUnavailable as error:
        checks: dict[str, Any] = {"redis": {"ready": False, "notice": error.message}}
    else:
        rooms = _rooms(status)
        rooms["premises"]["corpus"] = edition
        redis = {"ready": not schema.objection, "engine": str(schema), "notice": schema.objection}
        checks = {"redis": redis, **rooms}
    word = _summary({name: check["ready"] for name, check in checks.items()})
    return JSONResponse({"status": word, "checks": checks}, 503 if word == "not ready" else 200)


def _summary(ready: dict[str, bool]) -> str:
    if all(ready.values()):
        return "ready"
    lean = {name for name in ready if name.partition(".")[0] == "lean"}
    can_serve = any(ready[name] for name in lean) and all(ready[name] for name in ready.keys() - lean)
    return "degraded" if can_serve else "not ready"


@router.get("/metrics", include_in_schema=False)
async def metrics(service: ServiceDep, _owner: OperatorDep) -> Response:
    """Return figures for Prometheus."""
    client = service.client
    status = await read_status(client)
    readings = Readings(
        status,
        await read_totals(client),
        await read_cache_stats_async(client),
        await read_alarms(client),
        await read_figures(client),
        await read_queue_ages(client, [queue.environment for queue in status.queues]),
    )
    return Response(render(readings), media_type=CONTENT_TYPE_LATEST)
