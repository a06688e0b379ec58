"""One client in several processes and event loops, and its pickles: each has its own connections to the same farm."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import warnings
from collections.abc import Callable
from multiprocessing.pool import ThreadPool
from typing import Any

import httpx
import psutil
import pytest

from farm.client import AsyncFarm, Farm
from farm.client.trainers import trl_reward, verl_batch_reward, verl_reward
from farm.errors import ConfigurationError
from farm.models import Level, verdict
from tests.unit.client.conftest import Driver, collected
from tests.unit.client.scripted_farm import ScriptedFarm, accepted, answer, line, stream, verdict_json

KEY = "lf_0123456789abcdef"
WORKERS = answer({"workers": []})


def in_child(work: Callable[[], object]) -> None:
    """Do something in a forked process; fail if it fails there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # since Python 3.12, of forks where threads run
        child = os.fork()
    if not child:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - nothing may run on into the parent's tests
            os.write(2, f"{error!r}\n".encode())
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_a_child_connects_itself_and_leaves_the_parent_s_connection_open(scripted: ScriptedFarm) -> None:
    def use_and_close() -> None:
        farm.workers()
        in_child(farm.workers)
        farm.close()

    scripted.script(*[WORKERS] * 4)
    with Farm(scripted.url) as farm:
        farm.workers()
        in_child(use_and_close)
        farm.workers()

    parent, child, grandchild, after = (asked.port for asked in scripted.asked)
    assert after == parent
    assert len({parent, child, grandchild}) == 3


def test_a_child_of_an_event_loop_s_process_connects_itself(scripted: ScriptedFarm) -> None:
    scripted.script(*[WORKERS] * 3)
    farm = AsyncFarm(scripted.url)
    with asyncio.Runner() as loop:
        loop.run(farm.workers())
        in_child(lambda: asyncio.run(farm.workers()))
        loop.run(farm.workers())
    parent, child, after = (asked.port for asked in scripted.asked)
    assert after == parent != child


def test_each_event_loop_has_connections_that_end_with_it(scripted: ScriptedFarm) -> None:
    """Warnings are errors here, so a connection that a loop left open fails the test."""
    farm = AsyncFarm(scripted.url)
    scripted.script(*[WORKERS] * 5)

    async def twice() -> None:
        await asyncio.gather(farm.workers(), farm.workers())

    asyncio.run(twice())
    asyncio.run(farm.workers())
    with ThreadPool(2) as threads:
        threads.map(lambda _: asyncio.run(farm.workers()), range(2))

    gc.collect()
    assert len(scripted.asked) == 5


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_loops_that_were_closed_roughly_do_not_add_up(scripted: ScriptedFarm) -> None:
    def open_sockets() -> int:
        gc.collect()
        return sum(each.status == psutil.CONN_ESTABLISHED for each in psutil.Process().net_connections("tcp"))

    farm = AsyncFarm(scripted.url)
    scripted.script(*[WORKERS] * 12)
    counts = []
    for _ in range(12):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(farm.workers())
        loop.close()
        counts.append(open_sockets())
    del farm
    assert open_sockets() <= max(counts) < 12, "each has two ends in this process"


async def test_a_client_that_was_closed_says_so(driver: Driver) -> None:
    await driver.call("aclose" if isinstance(driver.farm, AsyncFarm) else "close")
    with pytest.raises(RuntimeError, match="was closed"):
        await driver.call("workers")


def test_a_transport_of_one_s_own_is_not_shared_with_a_child(scripted: ScriptedFarm) -> None:
    def refused() -> None:
        with pytest.raises(ConfigurationError, match="works in the process that made it"):
            farm.workers()

    scripted.script(WORKERS)
    with Farm(scripted.url, transport=httpx.HTTPTransport()) as farm:
        farm.workers()
        in_child(refused)


async def test_a_pickled_client_asks_the_same_farm_with_the_key_it_was_given(
    scripted: ScriptedFarm, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.script(*[WORKERS] * 4)
    given = type(driver.farm)(scripted.url, api_key=KEY)
    monkeypatch.setenv("FARM_API_KEY", "lf_of_here")
    found = type(driver.farm)(scripted.url)
    of_given, of_found = pickle.dumps(given), pickle.dumps(found)
    assert b"lf_of_here" not in of_found, "a key that nobody passed on purpose does not travel"
    monkeypatch.setenv("FARM_API_KEY", "lf_of_there")
    monkeypatch.setenv("FARM_URL", "http://127.0.0.1:9")

    for copy in (given, found, pickle.loads(of_given), pickle.loads(of_found)):
        if isinstance(copy, AsyncFarm):
            async with copy:
                await copy.workers()
        else:
            with copy:
                copy.workers()

    keys = [asked.headers["authorization"].removeprefix("Bearer ") for asked in scripted.asked]
    assert keys == [KEY, "lf_of_here", KEY, "lf_of_there"]


async def test_a_pickled_batch_goes_on_where_it_was(scripted: ScriptedFarm, driver: Driver) -> None:
    end = {"cursor": "9-0", "done": True}
    other = {"cursor": "3-0", "result": verdict_json(1, id="another's")}
    scripted.script(accepted(2), stream(line(0, 1), line(1, 2), end))
    scripted.script(stream(line(0, 1), other), stream(line(1, 2), end))
    batch = await driver.call("submit", ["x", "y"])
    assert len(await collected(batch)) == 2

    copy = pickle.loads(pickle.dumps(batch))

    assert (copy.id, copy.cursor) == (batch.id, "2-0")
    copy._farm.sleep = driver.farm.sleep
    assert [each.id for each in await collected(copy)] == ["0", "1"], "the copy knows what was sent"
    await (copy._farm.aclose() if isinstance(driver.farm, AsyncFarm) else asyncio.to_thread(copy._farm.close))


@pytest.mark.parametrize("make", [trl_reward, verl_reward, verl_batch_reward])
def test_reward_functions_pickle_before_and_after_they_are_used(scripted: ScriptedFarm, make: Any) -> None:
    good = verdict("0", 0, reason=None, level=Level.CHECKED).dump()
    rows = stream({"cursor": "1-0", "result": good}, {"cursor": "2-0", "done": True})
    status = {"batch_id": "b1", "state": "done", "total": 1, "done": 1, "counts": {}, "created_at": 1.0}
    for _ in range(2):
        scripted.script(*([answer({"results": [good]})] if make is verl_reward else [accepted(), rows, answer(status)]))
    with Farm(scripted.url) as farm:
        function = pickle.loads(pickle.dumps(make(undecided=-1.0, farm=farm)))
        for each in (function, pickle.loads(pickle.dumps(function))):
            reward = called(each, make)
            each.judge._farm.close()
            assert reward == 1.0
    assert function.__name__ == ("lean_reward" if make is trl_reward else "compute_score"), "trainers log by it"
    function.__name__ = "mine"


def called(function: Any, make: Any) -> Any:
    statement = "theorem a : True"
    if make is verl_reward:
        return function("", "trivial", statement)["score"]
    if make is verl_batch_reward:
        return function([""], ["trivial"], [statement])[0]["score"]
    return function([""], ["trivial"], statement=[statement])[0]
