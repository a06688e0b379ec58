"""`farm status`, `farm drain`."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress

from farm.cli.output import JsonOption, connect, console, progress_bar, show_json, show_table, tell
from farm.cli.store import open_store
from farm.errors import NotFound
from farm.models import FarmStatus
from farm.settings import Settings

_DRAIN_POLL_S = 0.2


def status(as_json: JsonOption = False) -> None:
    """Show queues and workers: what each worker is doing, and what an operator should know."""
    with connect() as farm:
        found = farm.workers()
    if as_json:
        show_json(found.model_dump(mode="json"))
        return
    _show_workers(found)
    if console.is_terminal:
        console.print()
    for queue in found.queues:
        console.print(f"{queue.environment}: {queue.pending} proofs wait, {queue.leased} run", highlight=False)
    if found.draining:
        console.print("the farm is draining: nothing new is claimed")


def _show_workers(found: FarmStatus) -> None:
    rows = [
        (
            w.kind.value,
            w.environment if w.serves else "",
            w.host,
            w.pid,
            w.state,
            w.engine,
            w.proofs,
            w.restarts,
            f"{w.memory_mb:.0f}",
            w.notice,
        )
        for w in found.workers
    ]
    show_table(
        ("kind", "environment", "host", "pid", "state", "engine", "proofs", "restarts", "MB", "notice"),
        rows,
        note="notice",
    )


def drain(as_json: JsonOption = False) -> None:
    """Claim nothing new, let running proofs finish, then stop the workers; waiting proofs are kept for the next start.

    This command talks to Redis directly: at REDIS_URL if that is set, and otherwise to the Redis of the farm that
    `farm up` runs on DATA_DIR.
    """
    store = open_store("farm drain")
    from farm.celery_app import celery_app
    from farm.store.registry import leased_total, set_draining

    if not store.runtime and not _has_workers(store.redis_url):
        raise NotFound("No worker runs on this farm: there is nothing to drain, and waiting proofs are kept")
    client = store.client
    set_draining(client, True)
    with progress_bar(as_json) as bar:
        task = bar.add_task("proofs that still run", total=leased_total(client))
        while running := leased_total(client):
            bar.update(task, completed=(bar.tasks[0].total or running) - running)
            time.sleep(_DRAIN_POLL_S)
    if store.runtime:
        with suppress(ProcessLookupError):  # somebody else has stopped `farm up` in the meantime
            os.kill(int(store.runtime.supervisor.partition(".")[0]), signal.SIGTERM)
    else:
        celery_app(Settings(redis_url=store.redis_url, broker_url=store.settings.broker_url)).control.shutdown()
    if as_json:
        show_json({"drained": True})
    else:
        tell("drained: workers are stopping; waiting proofs are kept")


def _has_workers(redis_url: str) -> bool:
    from farm.store.connection import connect_async
    from farm.store.registry import read_status

    async def count() -> int:
        async with connect_async(redis_url) as client:
            return len((await read_status(client)).workers)

    return asyncio.run(count()) > 0
