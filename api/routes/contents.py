"""The contents of a batch: the names of its proofs, and which of them have a given text in Lean's messages."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.openapi import FAILURES
from api.service import ServiceDep, VerifierDep
from farm.models import MatchesPage, NamesPage
from farm.models.limits import MAX_BATCH_PROOFS

router = APIRouter(prefix="/v1", tags=["proofs"], responses=FAILURES)


@router.get("/batches/{batch_id}/names", response_model=NamesPage)
async def names(
    batch_id: str,
    service: ServiceDep,
    owner: VerifierDep,
    after: Annotated[int, Query(ge=-1, lt=MAX_BATCH_PROOFS, description="The `next` of the page before.")] = -1,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
) -> NamesPage:
    """Read the names of a batch's proofs and the problem that each proof attempts, without the texts."""
    return await service.batches.names(batch_id, owner, after, limit)


@router.get("/batches/{batch_id}/matches", response_model=MatchesPage)
async def matches(
    batch_id: str,
    service: ServiceDep,
    owner: VerifierDep,
    text: Annotated[str, Query(min_length=1, max_length=200, description="Case does not matter.")],
    after: Annotated[str | None, Query(description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000, description="How many verdicts to look through.")] = 10_000,
) -> MatchesPage:
    """Find the proofs of a batch with a given text in one of Lean's messages or in a goal that was left."""
    return await service.batches.matches(batch_id, owner, text, after, limit)
