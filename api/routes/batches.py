"""Batches of proofs: submit, list, read results, cancel; and proofs verified while the client waits."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.bodies import content_type, count_entries, read_json_alone, read_json_or_nothing
from api.intake import (
    Intake,
    commit,
    complete_options,
    new_digest,
    parse_batch,
    parse_options,
    read_proof_lines,
    stage_and_commit,
)
from api.interactive import INTERACTIVE_PROOFS
from api.interactive import verify as verify_now
from api.openapi import FAILURES, body_of, body_or_nothing
from api.replies import Disconnected
from api.reruns import parse_rerun, rerun_options
from api.service import Service, ServiceDep, VerifierDep
from api.streams import as_events, as_lines, follow
from farm.errors import InvalidRequest, NotFound, UnsupportedMediaType
from farm.models import (
    BatchAccepted,
    BatchRequest,
    BatchStatus,
    Item,
    ItemsPage,
    RerunRequest,
    ResultsPage,
    Verified,
)
from farm.models.limits import MAX_BATCH_PROOFS, MAX_VERIFY_PROOFS
from farm.models.proofs import Label, Tag
from farm.store.batches import Committed, check_cursor
from farm.store.items import undecided
from farm.store.listing import Wanted
from farm.store.staging import NewBatch

router = APIRouter(prefix="/v1", tags=["proofs"], responses=FAILURES)

NDJSON = "application/x-ndjson"
EVENTS = "text/event-stream"
_KEY = Header(max_length=256, alias="Idempotency-Key")
# nginx would otherwise keep a stream back until some kilobytes have come.
_UNBUFFERED = {"X-Accel-Buffering": "no"}


def _accepted(committed: Committed, total: int) -> BatchAccepted:
    base = f"/v1/batches/{committed.batch}"
    return BatchAccepted(
        batch_id=committed.batch, total=total, links={"self": base, "results": f"{base}/results", "cancel": base}
    )


def _submission(service: Service, options: dict[str, Any], **more: Any) -> NewBatch:
    return NewBatch(
        environment=options["environment"],
        options=options,
        retention_s=service.settings.retention_s,
        **{"deadline_s": options["deadline_s"], **more},
    )


@router.post("/batches", status_code=202, response_model=BatchAccepted, openapi_extra=body_of(BatchRequest))
async def submit(
    request: Request, service: ServiceDep, owner: VerifierDep, idempotency_key: Annotated[str, _KEY] = ""
) -> BatchAccepted:
    """Submit proofs as JSON, or as NDJSON (gzipped too); with NDJSON, the options are query parameters."""
    kind = content_type(request)
    if kind == NDJSON:
        return await _submit_lines(request, service, owner, idempotency_key)
    if kind != "application/json":
        raise UnsupportedMediaType(f"Send `application/json` or `{NDJSON}`")
    value, body = await read_json_alone(request, BatchRequest)
    batch = await parse_batch(value)
    options = await complete_options(batch.options, service, owner)
    digest = new_digest()
    digest.update(body)
    intake = Intake(service, owner, options)
    more = {"idempotency_key": idempotency_key, "body_hash": digest.hexdigest()}
    submission = _submission(service, options, **more)
    committed = await stage_and_commit(service, intake.staging, intake.entries(batch.proofs), submission)
    return _accepted(committed, len(batch.proofs))


async def _submit_lines(request: Request, service: Service, owner: str, idempotency_key: str) -> BatchAccepted:
    options = await complete_options(parse_options(request.query_params), service, owner)
    digest = new_digest()
    digest.update(orjson.dumps(options))
    intake = Intake(service, owner, options)
    try:
        async for proofs in read_proof_lines(request, digest):
            await intake.add(proofs)
        if not intake.staging.total:
            raise InvalidRequest("The body holds no proof")
        more = {"idempotency_key": idempotency_key, "body_hash": digest.hexdigest()}
        committed = await commit(service, intake.staging, _submission(service, options, **more))
    except BaseException:
        # A client that disconnects in the middle of its request must leave nothing behind either.
        await service.batches.discard(intake.staging)
        raise
    return _accepted(committed, intake.staging.total)


@router.get("/batches", response_model=dict[str, list[BatchStatus]])
async def list_batches(
    service: ServiceDep,
    owner: VerifierDep,
    limit: Annotated[int, Query(ge=1, le=1000)] = 20,
    label: Annotated[Label | None, Query(description="Only those with this label.")] = None,
    tag: Annotated[list[Tag], Query(description="Only those with all of these tags.")] = [],  # noqa: B006 - FastAPI copies it
    prefix: Annotated[str, Query(pattern="^[0-9a-f]{0,32}$", description="Only those whose id begins with this.")] = "",
) -> dict[str, list[BatchStatus]]:
    """List your batches, the newest first."""
    return {"batches": await service.batches.latest(owner, limit, Wanted(label, frozenset(tag), prefix))}


@router.get("/batches/{batch_id}", response_model=BatchStatus)
async def batch_status(batch_id: str, service: ServiceDep, owner: VerifierDep) -> BatchStatus:
    """Get the status of a batch."""
    return await service.batches.status(batch_id, owner)


@router.delete("/batches/{batch_id}", response_model=BatchStatus)
async def cancel(batch_id: str, service: ServiceDep, owner: VerifierDep) -> BatchStatus:
    """Cancel a batch: nothing more starts, running proofs stop in seconds, the rest become `undecided/cancelled`."""
    return await service.batches.cancel(batch_id, owner)


@router.get("/batches/{batch_id}/items/{index}", response_model=Item)
async def item(batch_id: str, index: int, service: ServiceDep, owner: VerifierDep) -> Response:
    """Get one proof as it was submitted, with its verdict once there is one."""
    return Response(await service.batches.item(batch_id, owner, index), media_type="application/json")


@router.get("/batches/{batch_id}/items", response_model=ItemsPage)
async def items(
    batch_id: str,
    service: ServiceDep,
    owner: VerifierDep,
    after: Annotated[int, Query(ge=-1, lt=MAX_BATCH_PROOFS, description="The `next` of the previous page.")] = -1,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> Response:
    """Read the proofs of a batch with their verdicts, in the order submitted; a page has a few megabytes."""
    found, following = await service.batches.items(batch_id, owner, after, limit)
    end = b"null" if following is None else b"%d" % following
    return Response(b'{"items":[%s],"next":%s}' % (b",".join(found), end), media_type="application/json")


@router.post(
    "/batches/{batch_id}/rerun",
    status_code=202,
    response_model=BatchAccepted,
    openapi_extra=body_or_nothing(RerunRequest),
)
async def rerun(
    request: Request,
    batch_id: str,
    service: ServiceDep,
    owner: VerifierDep,
    idempotency_key: Annotated[str, _KEY] = "",
) -> BatchAccepted:
    """Run a finished batch's undecided proofs in a new batch with the same options; the old batch is its `parent`."""
    asked = parse_rerun(await read_json_or_nothing(request))
    old = await service.batches.status(batch_id, owner)
    options = await rerun_options(old, asked, service, owner)
    intake = Intake(service, owner, options)
    digest = new_digest()
    digest.update(orjson.dumps([batch_id, asked.model_dump()]))
    more = {"idempotency_key": idempotency_key, "body_hash": digest.hexdigest()}
    try:
        async for proofs in undecided(service.client, batch_id, old.total):
            await intake.add(proofs)
        if intake.staging.total != old.counts.undecided:
            raise NotFound(f"Batch {batch_id!r} has just expired")
        committed = await commit(service, intake.staging, _submission(service, options, **more))
    except BaseException:
        await service.batches.discard(intake.staging)
        raise
    return _accepted(committed, intake.staging.total)


@router.get(
    "/batches/{batch_id}/results",
    response_model=ResultsPage,
    responses={200: {"content": {NDJSON: {}, EVENTS: {}}, "description": "A page, or a stream if `Accept` asks"}},
)
async def results(
    request: Request,
    batch_id: str,
    service: ServiceDep,
    owner: VerifierDep,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Response:
    """Read verdicts in completion order: one page, or a stream of NDJSON or events if `Accept` asks for it."""
    accept = request.headers.get("accept", "")
    if EVENTS in accept:
        # A browser that reconnects asks the same URL again, and the header says how far it has read since.
        cursor = check_cursor(request.headers.get("last-event-id") or after)
        await service.batches.status(batch_id, owner)
        events = follow(service.batches, service.waiting_streams, batch_id, owner, cursor)
        return StreamingResponse(as_events(events), headers=_UNBUFFERED, media_type=EVENTS)
    if NDJSON in accept:
        await service.batches.status(batch_id, owner)
        events = follow(service.batches, service.waiting_streams, batch_id, owner, check_cursor(after))
        return StreamingResponse(as_lines(events), headers=_UNBUFFERED, media_type=NDJSON)
    page = await service.batches.results(batch_id, owner, after, limit)
    body = b'{"results":[%s],"next":"%s","done":%s}' % (
        b",".join(page.results),
        page.next.encode(),
        b"true" if page.done else b"false",
    )
    return Response(body, media_type="application/json")


@router.post("/verify", response_model=Verified, openapi_extra=body_of(BatchRequest))
async def verify(request: Request, service: ServiceDep, owner: VerifierDep) -> Response:
    """Verify up to 1 000 proofs and wait; verdicts come back in request order."""
    value, _ = await read_json_alone(request, BatchRequest)
    if count_entries(value, "proofs") > MAX_VERIFY_PROOFS:
        raise InvalidRequest(f"proofs: at most {MAX_VERIFY_PROOFS} here; submit more to /v1/batches")
    batch = await parse_batch(value)
    options = await complete_options(batch.options, service, owner)
    intake = Intake(service, owner, options)
    submission = _submission(service, options, interactive=len(batch.proofs) <= INTERACTIVE_PROOFS)
    try:
        verdicts = await verify_now(request, intake, batch.proofs, submission)
    except Disconnected:
        return Response(status_code=499)
    return Response(b'{"results":[%s]}' % b",".join(verdicts), media_type="application/json")
