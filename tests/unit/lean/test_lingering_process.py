"""A Lean process that has found no work waits a while for more, over a real Valkey."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from farm.celery_app import lean_queue
from farm.store.lingering import Lingering
from tests.support.lean_process import ENVIRONMENT, LeanProcess
from tests.support.running import await_true
from tests.support.store import ENV, assert_settled
from workers.lean.engine import NoLean
from workers.lean.work_loop import WorkLoop

LINGERING, QUEUE = f"farm:lingering:{ENV}", lean_queue(ENV)
LONG_S = 600.0


@contextmanager
def working(process: LeanProcess) -> Iterator[threading.Thread]:
    """Have a process work in a thread, until it lingers; it has to end within the block, or soon after it."""
    thread = threading.Thread(target=process.loop.work)
    thread.start()
    await_true(lambda: process.client.zcard(LINGERING) == 1, "the process lingers")
    try:
        yield thread
    finally:
        process.stops = True
        thread.join(LONG_S)
    assert not thread.is_alive()
    assert process.client.zcard(LINGERING) == 0


def lingerer(url: str) -> LeanProcess:
    process = LeanProcess(url, task_s=LONG_S, linger_s=LONG_S)
    process.client.flushall()
    return process


def test_a_process_that_lingers_runs_new_work_without_a_token(valkey_url: str) -> None:
    process = lingerer(valkey_url)
    with working(process):
        batches = []
        for _ in range(3):
            batches.append(process.put(1))
            await_true(lambda: process.has_verdict(batches[-1], 0), "the verdict")
            await_true(lambda: process.client.zcard(LINGERING) == 1, "it lingers again")

    assert process.client.llen(QUEUE) == 0
    for batch in batches:
        assert_settled(process.client, batch, 1)


def test_work_that_rang_for_nobody_is_found_too(valkey_url: str) -> None:
    process = lingerer(valkey_url)
    with working(process):
        # As if it had come before the process lingered, and its token had been lost.
        process.client.set(f"farm:tokens:{ENV}", 1000)
        batch = process.put(1)
        await_true(lambda: process.has_verdict(batch, 0), "the verdict")


def test_a_ring_that_comes_too_late_becomes_a_token(valkey_url: str) -> None:
    process = lingerer(valkey_url)

    class Late(Lingering):
        def begin(self) -> None:
            super().begin()
            process.put(1)

    late, engine = Late(process.client, ENV, "w"), process.engine or NoLean(ENVIRONMENT, "")
    WorkLoop(process.claims, late, process.writer, engine, lambda: False, linger_s=0.0).work()

    assert process.client.llen(QUEUE) == 1


def test_a_process_that_stops_does_not_linger_to_the_end(valkey_url: str) -> None:
    process = lingerer(valkey_url)
    with working(process) as thread:
        process.stops = True
        thread.join(LONG_S / 10)
        assert not thread.is_alive()
