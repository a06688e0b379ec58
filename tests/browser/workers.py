"""Workers that are shown and do not run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from farm.models import WorkerKind
from farm.store.registry import Registry
from tests.support.open_store import open_store
from tests.support.running import RunningFarm

NO_REPL = "LEAN_REPL_DIR has no built REPL. Run `lake build` in that folder"


@contextmanager
def broken_worker(farm: RunningFarm, pid: int) -> Iterator[None]:
    """Show a Lean worker on node3 that has no Lean."""
    store, worker = open_store(farm.redis_url), f"node3:{pid}.1"
    registry = Registry(store, WorkerKind.LEAN, worker)
    registry.beat(host="node3", pid=pid, state="failed", engine="no Lean", notice=NO_REPL)
    # One sign of life is to last for the whole test.
    store.persist(f"farm:worker:{worker}")
    for alive in ("farm:workers", "farm:workers:default"):
        store.zadd(alive, {worker: "+inf"})
    yield
    registry.leave()
    store.close()
