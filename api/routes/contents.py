"""A batch's contents: the names of its proofs, a search in Lean's messages and goals, and a file of the verdicts."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from api.openapi import FAILURES
from api.service import ServiceDep, VerifierDep
from api.verdict_files import PARQUET, ParquetAnswer
from farm.models import MatchesPage, NamesPage
from farm.models.limits import MAX_BATCH_PROOFS

router = APIRouter(prefix="/v1", tags=["proofs"], responses=FAILURES)


@router.get("/batches/{batch_id}/names", response_model=NamesPage)
async def names(
    batch_id: str,
    service: ServiceDep,
    owner: VerifierDep,
    after: Annotated[int, Query(ge=-1, lt=MAX_BATCH_PROOFS, description="The `next` of the previous page.")] = -1,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
) -> NamesPage:
    """Read the names of a batch's proofs, and which problem each proof attempts; the texts are left out."""
    return await service.batches.names(batch_id, owner, after, limit)


@router.get("/batches/{batch_id}/matches", response_model=MatchesPage)
async def matches(
    batch_id: str,
    service: ServiceDep,
    owner: VerifierDep,
    text: Annotated[str, Query(min_length=1, max_length=200, description="Case does not matter.")],
    after: Annotated[str | None, Query(description="The `next` of the previous page.")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000, description="How many verdicts to look through.")] = 10_000,
) -> MatchesPage:
    """Find the proofs of a batch for which a message from Lean, or a goal that was left open, contains a given text."""
    return await service.batches.matches(batch_id, owner, text, after, limit)


@router.get(
    "/batches/{batch_id}/verdicts.parquet",
    response_class=StreamingResponse,
    responses={200: {"content": {PARQUET: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def parquet(batch_id: str, service: ServiceDep, owner: VerifierDep) -> StreamingResponse:
    """Read a batch's verdicts as a Parquet file, in the order of the proofs; each row has the proof's problem too.

    `farm export --parquet` writes the same file. Proofs without a verdict are left out.
    Example: `pandas.read_parquet("http://127.0.0.1:8000/v1/batches/ID/verdicts.parquet")`.
    """
    status = await service.batches.status(batch_id, owner)
    # The first import of the library takes a third of a second.
    answer = await asyncio.to_thread(ParquetAnswer, status)
    headers = {"Content-Disposition": f'attachment; filename="{batch_id}.parquet"'}
    return StreamingResponse(answer.parts(service.batches, owner), media_type=PARQUET, headers=headers)
