"""Describes the Lean environments that a request may name: their workers, and what a user has to know about them."""

from __future__ import annotations

from collections import Counter

from farm.models import Environment, EnvironmentStatus, FarmStatus, QueueStatus, WorkerKind, WorkerStatus
from farm.models.environments import lean_part


def lean_workers(status: FarmStatus, environment: str) -> list[WorkerStatus]:
    """Return the live Lean processes of an environment."""
    return [each for each in status.workers if each.kind is WorkerKind.LEAN and each.environment == environment]


def lean_notice(queue: QueueStatus, workers: list[WorkerStatus]) -> str:
    """Return a notice about an environment whose live processes are `workers`; empty if there is nothing to say."""
    if not workers:
        return _missing(queue)
    return " ".join(filter(None, [_mixed(workers), *sorted({each.notice for each in workers})]))


def _missing(queue: QueueStatus) -> str:
    waiting = f", and {queue.pending} proofs wait for it" if queue.pending else ""
    start = "python -m workers.lean"
    if lean_part(queue.environment) != "lean":
        start = f"LEAN_ENVIRONMENT={queue.environment} {start}"
    return f"No {lean_part(queue.environment)} worker is running{waiting}: `{start}` starts one"


def _mixed(workers: list[WorkerStatus]) -> str:
    """Return a notice if the processes of one environment run different Leans or projects; otherwise an empty text."""
    found = Counter(
        f"Lean {each.serves.lean_version}, project {each.serves.project or 'none'}"
        for each in workers
        if each.serves and each.serves.lean_version
    )
    if len(found) < 2:
        return ""
    what = "; ".join(f"{count} of {kind}" for kind, count in sorted(found.items()))
    return f"Its workers differ, and a verdict depends on which one was free: {what} (`GET /v1/workers` shows which)"


def describe(queue: QueueStatus, status: FarmStatus, last: tuple[Environment, float] | None) -> EnvironmentStatus:
    """Return the status of one environment.

    Args:
        queue: the environment's queue.
        status: the farm's status.
        last: what a process of the environment last reported about its Lean, and how many seconds ago it gave a sign
            of life; None if no process has reported.
    """
    workers = lean_workers(status, queue.environment)
    serves, seen_s = last or (Environment(), None)
    return EnvironmentStatus(
        name=queue.environment,
        **serves.model_dump(),
        workers=len(workers),
        pending=queue.pending,
        leased=queue.leased,
        seen_s=seen_s,
        notice=lean_notice(queue, workers),
    )
