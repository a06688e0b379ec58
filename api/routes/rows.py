"""Rows of data sets, read by the columns that `farm verify` knows."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from pydantic import ValidationError

from api.errors import invalid
from api.lean_tasks import read_model
from api.openapi import FAILURES, body_of
from api.service import VerifierDep
from farm.client.columns import name_of, pick
from farm.models import RowFields, RowsAnswer, RowsRequest

router = APIRouter(prefix="/v1", tags=["proofs"], responses=FAILURES)


@router.post("/rows", response_model=RowsAnswer, openapi_extra=body_of(RowsRequest))
async def rows(request: Request, _owner: VerifierDep) -> RowsAnswer:
    """Read up to 1 000 rows of a data set as `farm verify` does, by the usual column names; nothing is verified."""
    body = await read_model(request, RowsRequest)
    return RowsAnswer(results=await asyncio.to_thread(_read_all, body.rows))


def _read_all(found: list[dict[str, Any]]) -> list[RowFields]:
    return [_read(row) for row in found]


def _read(row: dict[str, Any]) -> RowFields:
    name = name_of(row, {})
    try:
        return RowFields.model_validate({"id": name, **pick(row, {})})
    except ValidationError as error:
        return RowFields(id=name, wrong=invalid(error).message)
    except ValueError as error:
        return RowFields(id=name, wrong=str(error))
