"""Work that is done while the client waits: proofs, commands and tactics."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from fastapi import Request

from api.intake import Intake, stage_and_commit
from api.replies import Disconnected, wait_reply
from api.service import Service
from farm.errors import StoreUnavailable
from farm.models import Proof
from farm.store.codec import raw
from farm.store.staging import Entries, NewBatch, Staging

INTERACTIVE_PROOFS = 4
"""A request with at most this many proofs is served before all batches."""
DEADLINE_S = 3600.0
"""How long a request waits if it sets no deadline."""
UNSEEN_RETENTION_S = 300
"""How long to keep a batch whose id the client never learns."""
_GRACE_S = 30.0


async def verify(request: Request, intake: Intake, proofs: list[Proof], submission: NewBatch) -> list[bytes]:
    """Return the verdicts on proofs as JSON, in the proofs' order; raises as `work_off` does."""
    return await work_off(request, intake.service, intake.staging, intake.entries(proofs), submission)


async def work_off(
    request: Request, service: Service, staging: Staging, entries: Entries, submission: NewBatch
) -> list[bytes]:
    """Return the workers' results as JSON, in the items' order.

    If the client disconnects, the items that have not run are cancelled.

    Args:
        request: the request whose client waits.
        service: the service that submits the work.
        staging: an empty staging for the items.
        entries: the items to run.
        submission: the batch to make; if it has no `deadline_s`, it gets `DEADLINE_S`.

    Raises:
        Disconnected: the client disconnected.
        Unavailable: the work did not end in time.
        FarmError: as `stage_and_commit` does.
    """
    submission = replace(submission, deadline_s=submission.deadline_s or DEADLINE_S, reply=service.replies.key)
    with service.replies.expect(f"batch:{staging.batch}") as future:
        committed = await stage_and_commit(service, staging, entries, submission)

        async def is_finished() -> bool:
            with contextlib.suppress(StoreUnavailable):
                return (await service.batches.status(committed.batch, staging.owner)).finished
            return False

        try:
            only = await wait_reply(request, future, (submission.deadline_s or DEADLINE_S) + _GRACE_S, is_finished)
        except Disconnected:
            # Nobody waits any more, so the remaining items need not run.
            await service.batches.cancel(committed.batch, staging.owner)
            raise
    return [raw(only)] if only else await service.batches.results_json(committed.batch, staging.total)
