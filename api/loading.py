"""Refuses a premise query if it would have to wait for a room that is still loading."""

from __future__ import annotations

from farm.errors import Unavailable
from farm.models import FarmStatus, WorkerKind
from farm.store.client import AsyncRedisClient
from farm.store.registry import read_status

_LOADS = {WorkerKind.EMBED: "its model", WorkerKind.PREMISES: "its corpus"}


async def refuse_while_loading(client: AsyncRedisClient) -> None:
    """Refuse a query if all workers of a room are still loading.

    Raises:
        Unavailable: every worker of a room is still loading.
        StoreUnavailable: Redis does not answer.
    """
    status = await read_status(client)
    for kind, what in _LOADS.items():
        if (progress := _progress(status, kind)) is not None:
            told = f" ({progress})" if progress else ""
            name = kind.value.removesuffix("s")
            raise Unavailable(f"The {name} worker is loading {what}{told}: try again in a moment")


def _progress(status: FarmStatus, kind: WorkerKind) -> str | None:
    """Return the notice about the loading if all workers of a room are still loading; otherwise return None."""
    workers = [worker for worker in status.workers if worker.kind is kind]
    if not workers or any(worker.state != "starting" for worker in workers):
        return None
    return next((worker.notice for worker in workers if worker.notice), "")
