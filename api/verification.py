"""Proofs verified while the client waits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from fastapi import Request

from api.intake import Intake
from api.replies import Disconnected, wait_reply
from farm.errors import FarmError, StoreUnavailable
from farm.models import Proof
from farm.store.batches import Committed, Submission

INTERACTIVE_PROOFS = 4
"""Up to so many proofs of one request come before all batches."""
DEADLINE_S = 3600.0
"""How long a request waits that does not say."""
_GRACE_S = 30.0


async def stage_and_commit(intake: Intake, proofs: Iterable[Proof], submission: Submission) -> Committed:
    """Make proofs a batch; a failure leaves nothing behind.

    Raises:
        FarmError: as `Intake.add` and `Intake.commit` do.
    """
    try:
        await intake.add(proofs)
        return await intake.commit(submission)
    except FarmError:
        await intake.service.batches.discard(intake.staging)
        raise


async def verify(request: Request, intake: Intake, proofs: list[Proof], submission: Submission) -> list[bytes]:
    """Return the verdicts of proofs as JSON, in their order; a client that goes away cancels what has not run.

    Args:
        request: whose client waits.
        intake: a new one.
        proofs: the proofs.
        submission: with a `deadline_s`, and this process's reply list as `reply`.

    Raises:
        Disconnected: the client went away.
        FarmError: as `stage_and_commit` does; Unavailable when there is no end.
    """
    service, owner = intake.service, intake.owner
    with service.replies.expect(f"batch:{intake.staging.batch}") as future:
        committed = await stage_and_commit(intake, proofs, submission)

        async def is_finished() -> bool:
            with contextlib.suppress(StoreUnavailable):
                return (await service.batches.status(committed.batch, owner)).finished
            return False

        try:
            await wait_reply(request, future, (submission.deadline_s or DEADLINE_S) + _GRACE_S, is_finished)
        except Disconnected:
            # Nobody waits any more: what has not run need not.
            await service.batches.cancel(committed.batch, owner)
            raise
    return await service.batches.results_json(committed.batch, len(proofs))
