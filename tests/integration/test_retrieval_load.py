"""Premise queries of many clients, of clients that go away, and of workers that do not answer."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psutil
import pytest

from farm import Outcome
from tests.conftest import lean_settings
from tests.support.open_store import OpenStore, open_store
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, await_true, running_farm

GOAL = "a b : Nat\n⊢ a + b = b + a"
DEADLINE_S = 30


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory, scripted: Install) -> Iterator[RunningFarm]:
    """A farm whose workers may be stopped and killed."""
    with running_farm(tmp_path_factory.mktemp("farm"), **lean_settings(scripted)) as running:
        yield running


@pytest.fixture
def store(farm: RunningFarm) -> Iterator[OpenStore]:
    client = open_store(farm.redis_url)
    yield client
    client.close()


@pytest.fixture
async def http(farm: RunningFarm) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=1000)
    async with httpx.AsyncClient(base_url=farm.url, limits=limits, timeout=DEADLINE_S + 30) as http:
        yield http


def body(number: int = 0) -> dict[str, Any]:
    return {"state": f"h{number} : True\n{GOAL}", "k": 4}


def leftovers(store: OpenStore) -> list[bytes]:
    names = ("farm:retrieval:*", "farm:waiting:*", "farm:load", "farm:flights")
    return [key for name in names for key in store.keys(name)]


async def waiting_queries(store: OpenStore, count: int) -> None:
    """Wait until so many queries are in the farm."""
    await asyncio.to_thread(
        await_true, lambda: len(store.keys("farm:retrieval:*")) == count, f"{count} queries wait", 5
    )


def embed_pid(farm: RunningFarm) -> int:
    [worker] = farm.workers("embed")
    return int(worker["pid"])


async def test_a_thousand_at_once_are_answered_or_refused_and_proofs_go_on(
    farm: RunningFarm, store: OpenStore, http: httpx.AsyncClient
) -> None:
    def prove() -> float:
        started = time.monotonic()
        with farm.client() as client:
            [verdict] = client.verify("theorem two : 1 + 1 = 2 := by rfl", cache=False)
        assert verdict.outcome is Outcome.ACCEPTED
        return time.monotonic() - started

    with ThreadPoolExecutor(1) as pool:
        waiting = [asyncio.create_task(http.post("/retrieve", json=body(at))) for at in range(1000)]
        proving = asyncio.wrap_future(pool.submit(prove))
        answers = await asyncio.gather(*waiting)
        assert await proving < 20

    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {200, 500}
    assert statuses.count(200) >= 512, "up to EMBED_SERVICE_MAX_CONCURRENT_INPUTS there is room"
    refusals = {answer.json()["detail"] for answer in answers if answer.status_code != 200}
    assert all("EMBED_SERVICE_MAX_CONCURRENT_INPUTS" in refusal for refusal in refusals), refusals
    assert {len(answer.json()) for answer in answers if answer.status_code == 200} == {4}
    assert leftovers(store) == []
    assert psutil.Process(api_pid(farm)).memory_info().rss < 300 << 20


# A request that is given up while it connects leaves its socket and transport to the garbage collector: this client's
# affair, not the farm's.
@pytest.mark.timeout(300)  # five thousand queries, which two cores that others use as well need two minutes for
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_a_thousand_at_once_again_and_again_take_no_more_memory(
    farm: RunningFarm, store: OpenStore, http: httpx.AsyncClient
) -> None:
    """Half of them go away before their answer."""

    async def ask(at: int) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(http.post("/retrieve", json=body(at)), 0.2 if at % 2 else DEADLINE_S)

    async def used() -> dict[str, int]:
        await asyncio.gather(*map(ask, range(1000)))
        await asyncio.to_thread(await_true, lambda: not leftovers(store), "everything is settled")
        workers = [embed_pid(farm), *(int(worker["pid"]) for worker in farm.workers("premises"))]
        found = {str(pid): psutil.Process(pid).memory_info().rss for pid in (api_pid(farm), *workers)}
        return {**found, "redis": store.info("memory")["used_memory_dataset"]}

    for _ in range(2):
        before = await used()  # what is allocated once has been
    for _ in range(3):
        after = await used()

    gc.collect()
    grown_mb = {name: (size - before[name]) / 2**20 for name, size in after.items()}
    assert max(grown_mb.values()) < 16, grown_mb


def api_pid(farm: RunningFarm) -> int:
    [process] = [p for p in farm.processes() if p.cmdline()[-2:] == ["-m", "api"]]
    return int(process.pid)


async def test_over_the_limit_the_route_of_v1_says_when_to_come_back(
    farm: RunningFarm, http: httpx.AsyncClient
) -> None:
    batches = [{"states": [f"⊢ {at} {each}" for each in range(64)], "k": 2} for at in range(40)]
    answers = await asyncio.gather(*(http.post("/v1/retrieve", json=each) for each in batches))

    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused, "2560 goals are more than EMBED_SERVICE_MAX_CONCURRENT_INPUTS"
    assert {(a.status_code, a.json()["error"]["code"], a.headers["retry-after"]) for a in refused} == {
        (429, "rate_limited", "1")
    }
    assert len(answers) > len(refused)


async def test_a_client_that_goes_away_leaves_no_work_and_a_worker_that_hangs_keeps_nobody_longer_than_30_s(
    farm: RunningFarm, store: OpenStore, http: httpx.AsyncClient
) -> None:
    pid = embed_pid(farm)
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        patient = asyncio.create_task(http.post("/retrieve", json=body()))
        hasty = [asyncio.create_task(http.post("/retrieve", json=body(at))) for at in range(20)]
        await waiting_queries(store, 21)
        for each in hasty:
            each.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await each
        await waiting_queries(store, 1)
        assert store.hget("farm:load", "inputs") == b"1"

        answer = await patient
        assert time.monotonic() - started < DEADLINE_S + 2
        assert answer.status_code == 500
        assert "30 s" in answer.json()["detail"]
        assert leftovers(store) == []
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (await http.post("/retrieve", json=body())).status_code == 200


async def test_a_worker_that_is_killed_while_it_lingers_loses_nothing(
    farm: RunningFarm, store: OpenStore, http: httpx.AsyncClient
) -> None:
    assert (await http.post("/retrieve", json=body())).status_code == 200
    killed = embed_pid(farm)
    os.kill(killed, signal.SIGKILL)
    # Until the kernel has closed its connection, Redis would hand it a query.
    await asyncio.to_thread(await_true, lambda: not psutil.pid_exists(killed), "it is gone")

    answers = await asyncio.gather(*(http.post("/retrieve", json=body(at)) for at in range(8)))

    assert [answer.status_code for answer in answers] == [200] * 8
    assert leftovers(store) == []
