"""Lean processes that exist only in the store."""

from __future__ import annotations

from farm.models import WorkerKind
from farm.store.registry import Registry
from tests.support.open_store import OpenStore


def enlist(client: OpenStore, workers: str) -> None:
    """Record a sign of life for Lean processes; each letter of `workers` is the name of one."""
    for worker in workers:
        Registry(client, WorkerKind.LEAN, worker).beat(state="idle", host="h", pid=1)
