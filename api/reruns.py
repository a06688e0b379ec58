"""Chooses the options of a rerun, which is a batch that runs the undecided proofs of an earlier batch again.

The rerun has the earlier batch's options; it is refused if the farm's present rules do not allow them.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from api.errors import invalid
from api.intake import complete_options
from api.service import Service
from farm.errors import Conflict, InvalidRequest
from farm.models import BatchStatus, Options, RerunRequest


def parse_rerun(value: Any) -> RerunRequest:
    """Return the request that a JSON value holds; None asks for nothing in particular.

    Raises:
        InvalidRequest: the value does not fit.
    """
    try:
        return RerunRequest() if value is None else RerunRequest.model_validate(value)
    except ValidationError as error:
        raise invalid(error) from error


async def rerun_options(old: BatchStatus, asked: RerunRequest, service: Service, owner: str) -> dict[str, Any]:
    """Return the options of the new batch.

    Raises:
        Conflict: the old batch is still running.
        InvalidRequest: the old batch has no undecided proofs, or the farm can no longer do what the old options ask
            for.
        Forbidden: the key may no longer ask for what the old options ask for.
    """
    if not old.finished:
        raise Conflict(f"Batch {old.batch_id!r} still runs: wait until it ends, or cancel it")
    if not old.counts.undecided:
        raise InvalidRequest(f"Batch {old.batch_id!r} has no undecided proof: there is nothing to run again")
    kept = {name: value for name, value in old.options.items() if name in Options.model_fields}
    names = {
        "label": asked.label or old.label,
        "tags": old.tags if asked.tags is None else asked.tags,
    }
    return {**await complete_options(Options(**kept, **names), service, owner), "parent": old.batch_id}
