"""Faults that once left a part of the farm alive but idle: after them, proofs are verified and premises found."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import psutil
import pytest

from farm.celery_app import PREMISES_QUEUE, celery_app, lean_queue
from farm.settings import Settings
from farm.signs_of_life import SILENCE_S
from tests.conftest import lean_settings
from tests.support.open_store import OpenStore, open_store
from tests.support.proxy import Proxy, proxied
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, await_true, running_farm

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
GOAL = {"state": "a b : Nat\n⊢ a + b = b + a", "k": 1}
QUEUE = lean_queue("default")
# A parent is found out after twenty seconds, or thirty where it is frozen; then its supervisor starts another.
FOUND_OUT_S = 60


@dataclass(frozen=True)
class Ill:
    """A farm behind a proxy; `store` is beside it."""

    farm: RunningFarm
    proxy: Proxy
    store: OpenStore

    def parent(self, module: str) -> psutil.Process:
        """Return the first process of a worker."""
        started = psutil.Process(self.farm.up.pid).children()
        return next(process for process in started if process.cmdline()[-1:] == [module])

    def works(self) -> None:
        """Have a proof verified and a goal answered."""
        with self.farm.client() as client:
            assert [verdict.outcome for verdict in client.verify(TRUE, cache=False)] == ["accepted"]
        await_true(self.finds_premises, "premises", FOUND_OUT_S)

    def finds_premises(self) -> bool:
        """Whether a goal is answered."""
        return httpx.post(f"{self.farm.url}/retrieve", json=GOAL, timeout=60).status_code == 200


@pytest.fixture(scope="module")
def farm_behind_proxy(valkey_url: str, scripted: Install, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ill]:
    store = open_store(valkey_url)
    store.flushall()
    with proxied(valkey_url) as (proxy, url):
        folder = tmp_path_factory.mktemp("behind-proxy")
        with running_farm(folder, **lean_settings(scripted), REDIS_URL=url) as farm:
            yield Ill(farm, proxy, store)
    store.close()


@pytest.fixture
def ill(farm_behind_proxy: Ill) -> Iterator[Ill]:
    farm_behind_proxy.works()
    yield farm_behind_proxy
    farm_behind_proxy.proxy.hush = lambda _: False
    farm_behind_proxy.proxy.takes_in_vain = False


def test_an_acknowledgement_that_gets_lost_makes_nobody_deaf(ill: Ill) -> None:
    ill.proxy.hush = lambda link: b"ZREM" in link.sent and b"unacked_index" in link.sent

    for _ in range(4):
        ill.works()


@pytest.mark.parametrize("reset", [False, True])
def test_connections_that_are_cut_are_made_again(ill: Ill, reset: bool) -> None:
    for _ in range(5):
        ill.proxy.cut(reset=reset)

        ill.works()


def test_blocking_reads_that_end_with_an_error_are_begun_again(ill: Ill) -> None:
    for client in ill.store.client_list():
        if "b" in client["flags"]:
            ill.store.execute_command("CLIENT", "UNBLOCK", client["id"], "ERROR")

    ill.works()


def test_connections_that_go_silent_are_given_up(ill: Ill) -> None:
    silent = ill.proxy.silence()
    assert silent

    ill.works()


@pytest.mark.timeout(240)
def test_a_store_that_takes_connections_in_vain_ends_nobody(ill: Ill) -> None:
    """Not even if it takes longer than a process may be silent."""
    parents = [ill.parent(f"workers.{room}") for room in ("lean", "embed", "premises", "reaper")]
    ill.works()
    begun = time.monotonic()
    ill.proxy.takes_in_vain = True
    ill.proxy.cut()
    refusal = httpx.post(f"{ill.farm.url}/v1/verify", json={"proofs": [{"code": TRUE}]}, timeout=60)
    await_true(lambda: time.monotonic() > begun + SILENCE_S + 5, "what silence would end has ended", 60)
    ill.proxy.takes_in_vain = False

    assert refusal.status_code == 503
    ill.works()
    assert all(parent.is_running() for parent in parents)


def test_a_parent_that_fails_has_its_processes_give_back_what_they_have(ill: Ill) -> None:
    parent = ill.parent("workers.lean")
    with ill.farm.client() as client:
        long = client.submit(f"{TRUE} -- sleep:40000", timeout_s=100, cache=False)
        await_true(lambda: client.batch(long.id).status().state == "running", "the long proof runs")
        # kombu cannot read this. Celery calls it an unrecoverable error, and waits until all that runs has ended.
        ill.store.lpush(QUEUE, "no token at all")
        gone, _ = psutil.wait_procs([parent], 30)
        long.cancel()

    assert gone, "the parent waits for the long proof"
    ill.works()


def test_a_process_that_replaces_another_keeps_none_of_its_parents_connections(ill: Ill) -> None:
    parent = ill.parent("workers.lean")
    before = parent.children()
    before[0].kill()

    def replacements() -> list[psutil.Process]:
        return [process for process in parent.children() if process not in before]

    await_true(lambda: len(replacements()) == 1 and len(ill.farm.workers()) == len(before), "another one works")

    [fresh] = await_true(replacements, "it is there")
    mine = {connection.laddr for connection in parent.net_connections("tcp")}
    assert mine
    assert not mine & {connection.laddr for connection in fresh.net_connections("tcp")}
    ill.works()


def test_a_parent_that_takes_no_tokens_is_replaced(ill: Ill) -> None:
    parent = ill.parent("workers.premises")
    url = ill.farm.redis_url
    control = celery_app(Settings(redis_url=url)).control
    assert control.cancel_consumer(PREMISES_QUEUE, reply=True)
    # As long as the room's process lingers it needs no token.
    await_true(lambda: not ill.store.exists("farm:called:premises"), "the room has closed", FOUND_OUT_S)

    await_true(ill.finds_premises, "premises", FOUND_OUT_S)

    assert not parent.is_running()


@pytest.mark.timeout(240)
def test_who_is_frozen_is_replaced(ill: Ill) -> None:
    parent, reaper = ill.parent("workers.lean"), ill.parent("workers.reaper")
    child = ill.parent("workers.embed").children()[0]
    for process in (parent, child, reaper):
        process.suspend()

    await_true(lambda: not parent.is_running(), "its processes end a parent", FOUND_OUT_S)
    await_true(lambda: not child.is_running(), "its parent ends a process", FOUND_OUT_S)
    await_true(lambda: not reaper.is_running(), "the supervisor ends the reaper", FOUND_OUT_S)

    ill.works()
