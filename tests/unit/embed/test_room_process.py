"""The embed room as a real Celery worker in its own processes, between a query and the premise room."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from farm.celery_app import PREMISES_QUEUE
from farm.models import WorkerKind, WorkerStatus
from farm.store.connection import connect_async
from farm.store.registry import read_status
from farm.store.retrievals import Retrieval, Retrievals
from farm.store.room_queues import Room
from tests.support.open_store import OpenStore
from tests.support.running import await_true
from workers.embed.lexical import LexicalEmbedder
from workers.room_server import LINGER_S

PATIENCE_S = 60


def query() -> Retrieval:
    deadline_ms = int(time.time() * 1000) + PATIENCE_S * 1000
    return Retrieval(["⊢ True"], 8, None, None, None, [], False, "reply", deadline_ms)


@contextmanager
def room(redis_url: str, folder: Path, name: str = "embed", **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-m", f"workers.{name}"], cwd=folder, env={**kept, "REDIS_URL": redis_url, **environment}
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


async def put(redis_url: str, retrieval: Retrieval) -> None:
    client = connect_async(redis_url)
    try:
        await Retrievals(client).submit(retrieval, PATIENCE_S * 1000)
    finally:
        await client.aclose()


async def shown(redis_url: str, state: str) -> WorkerStatus:
    """Return the one worker as soon as it is in a state."""
    client, deadline = connect_async(redis_url), time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < deadline:
            for worker in (await read_status(client)).workers:
                if worker.state == state:
                    return worker
    finally:
        await client.aclose()
    raise TimeoutError(f"No worker is {state}")


@pytest.mark.timeout(200)
async def test_what_waited_before_the_start_is_embedded(client: OpenStore, redis_url: str, tmp_path: Path) -> None:
    await put(redis_url, query())

    with room(redis_url, tmp_path) as process:
        # BLPOP would end at the socket timeout of six seconds, and a busy machine starts no room by then.
        await_true(lambda: client.lpop(PREMISES_QUEUE), "the query comes on")
        [(retrieval, vectors)] = Room(client, "premises").take(8)
        np.testing.assert_allclose(np.frombuffer(vectors, np.float32), LexicalEmbedder().embed(["⊢ True"])[0])
        assert retrieval.states == ["⊢ True"]

        worker = await shown(redis_url, "idle")
        assert (worker.kind, worker.engine) == (WorkerKind.EMBED, LexicalEmbedder.name)
        assert worker.notice == LexicalEmbedder.notice

        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    assert client.zcard("farm:workers") == 0


@pytest.mark.timeout(200)
async def test_without_its_model_it_stays_up_and_says_so(client: OpenStore, redis_url: str, tmp_path: Path) -> None:
    await put(redis_url, query())

    with room(redis_url, tmp_path, EMBED_SERVICE_URL="http://127.0.0.1:9") as process:
        reply = await_true(lambda: client.lpop("reply"), "the reply")
        assert b"http://127.0.0.1:9" in reply
        worker = await shown(redis_url, "failed")
        assert "EMBED_SERVICE_URL" in worker.notice
        assert process.poll() is None


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", ["embed", "premises"])
def test_a_room_that_lingers_ends_soon_when_told_to(
    client: OpenStore, redis_url: str, tmp_path: Path, name: str
) -> None:
    with room(redis_url, tmp_path, name) as process:
        await_true(lambda: client.exists(f"farm:called:{name}"), "the room lingers")
        told = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
        assert time.monotonic() - told < LINGER_S, "it lingered to the end"
    assert client.llen(name) == 0, "nothing waits, so nobody need be called"
