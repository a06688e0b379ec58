"""Premise queries under faults of processes, connections and the store: each is answered, and so are later ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import psutil
import pytest

from farm.store.room_queues import Room
from tests.support.open_store import OpenStore
from tests.support.running import RunningFarm, await_true
from tests.support.tei import HOLD, Tei

pytestmark = pytest.mark.timeout(180)

GOAL = "a b : Nat\n⊢ a + b = b + a"
# A query that nobody has is refused after 30 s.
SOONER_S = 20


def ask(farm: RunningFarm, goal: str = GOAL) -> httpx.Response:
    return httpx.post(f"{farm.url}/retrieve", json={"state": goal, "k": 5}, timeout=SOONER_S)


def pids(farm: RunningFarm, kind: str) -> list[int]:
    """Return the processes of a room that are at work; of one that died, signs of life remain for a while."""
    found = [int(w["pid"]) for w in farm.workers(kind) if w["state"] in ("idle", "busy")]
    return [pid for pid in found if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def pid_of(farm: RunningFarm, kind: str) -> int:
    await_true(lambda: len(pids(farm, kind)) == 1, f"one {kind} worker is at work")
    return pids(farm, kind)[0]


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def asking(farm: RunningFarm) -> Iterator[list[httpx.Response]]:
    """Ask on and on, four at a time; at the end each has its answer."""
    seen, done = list[httpx.Response](), threading.Event()

    def keep_asking(at: int) -> None:
        while not done.is_set():
            seen.append(ask(farm, f"⊢ {at} = {len(seen)}"))

    with ThreadPoolExecutor(4) as pool:
        threads = [pool.submit(keep_asking, at) for at in range(4)]
        try:
            yield seen
        finally:
            done.set()
        for each in threads:
            each.result()


def some_more(seen: list[httpx.Response]) -> None:
    """Wait for answers to what is asked from now on."""
    before = len(seen)
    await_true(lambda: len(seen) > before + 8, "queries go on")


def assert_all_answered(farm: RunningFarm, store: OpenStore, seen: list[httpx.Response]) -> None:
    assert {(answer.status_code, answer.text[:80] if answer.is_error else "") for answer in seen} == {(200, "")}
    assert ask(farm).status_code == 200
    assert not [key for name in ("retrieval:*", "waiting:*", "leased:*", "load") for key in store.keys(f"farm:{name}")]


def holder(store: OpenStore) -> int:
    """Return the process that has the one query in its hands."""
    [key] = store.keys("farm:retrieval:*")
    found: bytes = store.hget(key, "holder")
    return int(found.decode().partition(":")[2].partition(".")[0])


@contextmanager
def another(farm: RunningFarm, kind: str) -> Iterator[None]:
    """Have a second worker of a room at work."""
    environment = {**farm.environment, "REDIS_URL": farm.redis_url}
    command = [sys.executable, "-m", f"workers.{kind}"]
    with subprocess.Popen(command, cwd=farm.folder, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            await_true(lambda: [w["state"] for w in farm.workers(kind)] == ["idle"] * 2, "both are at work")
            yield
        finally:
            process.terminate()
            process.wait(30)
    await_true(lambda: len(farm.workers(kind)) == 1, "it has left")


def test_what_a_stopped_embed_worker_had_another_embeds(farm: RunningFarm, store: OpenStore, tei: Tei) -> None:
    expected = ask(farm).json()
    with another(farm, "embed"), ThreadPoolExecutor(1) as pool:
        tei.calls.clear()
        tei.then(HOLD)
        waiting = pool.submit(ask, farm)
        await_true(lambda: tei.calls, "one of them embeds it")
        with stopped(holder(store)):
            answer = waiting.result()
        tei.release()

    assert (answer.status_code, answer.json()) == (200, expected)


def waits_for_premises(farm: RunningFarm, store: OpenStore, pool: ThreadPoolExecutor) -> Future[httpx.Response]:
    """Ask, and wait until the query lies before the premise worker, which does not move."""
    waiting = pool.submit(ask, farm)
    await_true(lambda: store.llen("farm:waiting:premises"), "it is embedded")
    return waiting


def test_what_a_premise_worker_took_and_does_not_answer_another_answers(farm: RunningFarm, store: OpenStore) -> None:
    """Who takes it here is a worker of another host, of which nothing is heard any more."""
    with ThreadPoolExecutor(1) as pool:
        with stopped(pid_of(farm, "premises")):
            waiting = waits_for_premises(farm, store, pool)
            assert len(Room(store, "premises", "elsewhere:1.1").take(1)) == 1
        assert waiting.result().status_code == 200


def test_a_premise_worker_killed_before_a_query_is_replaced_by_one_that_answers_it(
    farm: RunningFarm, store: OpenStore
) -> None:
    pid = pid_of(farm, "premises")
    with ThreadPoolExecutor(1) as pool:
        with stopped(pid):
            waiting = waits_for_premises(farm, store, pool)
            os.kill(pid, signal.SIGKILL)
        assert waiting.result().status_code == 200


@pytest.mark.parametrize("kind", ["embed", "premises"])
def test_kills_in_the_middle_of_queries_lose_none(farm: RunningFarm, store: OpenStore, kind: str) -> None:
    with asking(farm) as seen:
        for _ in range(3):
            some_more(seen)
            os.kill(pid_of(farm, kind), signal.SIGKILL)
            some_more(seen)
    assert_all_answered(farm, store, seen)


def cut(store: OpenStore) -> None:
    store.client_kill_filter(_type="normal", skipme=True)


def let_go(store: OpenStore) -> None:
    for each in store.client_list():
        if "b" in each["flags"]:
            store.client_unblock(each["id"], error=True)


def demote(store: OpenStore) -> None:
    """Do what a planned failover does: the primary is a replica for a moment."""
    store.replicaof("127.0.0.1", "1")
    time.sleep(0.3)
    store.replicaof("NO", "ONE")


@pytest.mark.parametrize("fault", [cut, let_go, demote])
def test_faults_of_connections_cost_no_answer(
    farm: RunningFarm, store: OpenStore, fault: Callable[[OpenStore], None]
) -> None:
    with asking(farm) as seen:
        for _ in range(5):
            some_more(seen)
            fault(store)
        some_more(seen)
    assert_all_answered(farm, store, seen)


def test_queries_outlive_the_store(farm: RunningFarm, store: OpenStore) -> None:
    with ThreadPoolExecutor(1) as pool:
        with stopped(pid_of(farm, "premises")):
            waiting = waits_for_premises(farm, store, pool)
            [server] = [p for p in farm.processes() if "valkey" in p.cmdline()[0]]
            server.kill()
            await_true(lambda: not server.is_running(), "it is gone")
            await_true(lambda: httpx.get(f"{farm.url}/readyz").json()["checks"]["redis"]["ready"], "another is there")
        assert waiting.result().status_code == 200
    assert ask(farm).status_code == 200


def test_a_query_that_the_store_lost_is_asked_again(farm: RunningFarm, store: OpenStore) -> None:
    """A failover loses what no replica had yet."""
    with ThreadPoolExecutor(1) as pool:
        with stopped(pid_of(farm, "premises")):
            waiting = waits_for_premises(farm, store, pool)
            store.delete("farm:waiting:premises", "farm:flights", "farm:load", *store.keys("farm:retrieval:*"))
        assert waiting.result().status_code == 200
