"""What operators and probes ask: who works, is it ready, figures for Prometheus."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from api.described import FAILURES, Readiness
from api.metrics import render
from api.service import OperatorDep, Service, ServiceDep, admit_stranger
from farm.errors import StoreUnavailable
from farm.models import FarmStatus, WorkerKind, WorkerStatus
from farm.queues import DEFAULT_ENVIRONMENT
from farm.store.cache import read_cache_stats_async
from farm.store.pauses import read_alarms
from farm.store.registry import read_status, read_totals
from farm.store.retrievals import read_edition

router = APIRouter(tags=["operations"], responses=FAILURES)


async def _status(service: Service) -> FarmStatus:
    return await read_status(service.client, [DEFAULT_ENVIRONMENT])


@router.get("/v1/workers", response_model=FarmStatus)
async def workers(service: ServiceDep, _owner: OperatorDep) -> FarmStatus:
    """See who works, and how much waits."""
    return await _status(service)


@router.get("/livez")
async def livez() -> dict[str, str]:
    """Say that this process answers."""
    return {"status": "ok"}


def _room(kind: WorkerKind, status: FarmStatus) -> dict[str, Any]:
    """A room is ready when a process of it is up; a notice is for the operator to read and does not make it unready."""
    members: list[WorkerStatus] = [worker for worker in status.workers if worker.kind is kind]
    up = [worker for worker in members if worker.state in ("idle", "busy")]
    can_answer = bool(up) or (kind is WorkerKind.LEAN and bool(members))
    notices = sorted({worker.notice for worker in members if worker.notice})
    engines = sorted({worker.engine for worker in members if worker.engine})
    if not members:
        notices = [f"No {kind.value} worker is running: `python -m workers.{kind.value}` starts one"]
    sandboxes = sorted({worker.sandbox for worker in members if worker.sandbox})
    progress = min((worker.progress for worker in members), default=0.0)
    return {
        "ready": can_answer,
        "workers": len(members),
        "engine": ", ".join(engines),
        "sandbox": "; ".join(sandboxes),
        "progress": progress,
        "notice": " ".join(notices),
    }


@router.get(
    "/readyz",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "A part does not answer"}},
    dependencies=[Depends(admit_stranger)],
)
async def readyz(service: ServiceDep) -> Response:
    """Say whether every part of the farm answers, and what an operator should know of each."""
    try:
        status, edition = await _status(service), await read_edition(service.client)
    except StoreUnavailable as error:
        checks: dict[str, Any] = {"redis": {"ready": False, "notice": error.message}}
    else:
        rooms = {kind.value: _room(kind, status) for kind in WorkerKind}
        rooms["premises"]["corpus"] = edition
        checks = {"redis": {"ready": True, "notice": ""}, **rooms}
    ready = all(check["ready"] for check in checks.values())
    return JSONResponse({"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503)


@router.get("/metrics", include_in_schema=False)
async def metrics(service: ServiceDep, _owner: OperatorDep) -> Response:
    """Return figures for Prometheus."""
    totals, cache = await read_totals(service.client), await read_cache_stats_async(service.client)
    body = render(await _status(service), totals, cache, await read_alarms(service.client))
    return Response(body, media_type=CONTENT_TYPE_LATEST)
