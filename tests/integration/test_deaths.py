"""Processes really killed in the middle of batches: every proof gets exactly one verdict, and nothing stays behind."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from farm import Farm, Outcome, Reason, Verdict
from farm.client import Batch
from farm.store.constants import LEASE_MS
from tests.conftest import lean_settings
from tests.support.repl.directives import run_word
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, await_true, processes_of, running_farm, stop

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
FALSE = "theorem three : 1 + 1 = 3 := by decide"


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory, scripted: Install) -> Iterator[RunningFarm]:
    """A farm that outlasts what each test does to it."""
    with running_farm(tmp_path_factory.mktemp("own"), **lean_settings(scripted), LEAN_MEMORY_LIMIT_MB="300") as running:
        yield running


@pytest.fixture
def own_farm(lasting: RunningFarm) -> RunningFarm:
    """A farm to be ill-treated."""
    await_true(lambda: len(workers(lasting)) == 2, "it has got over what was done to it before")
    return lasting


def workers(farm: RunningFarm) -> list[psutil.Process]:
    """Return its Lean processes; one that was killed is shown for as long as it might still speak."""
    return [psutil.Process(each["pid"]) for each in farm.workers() if psutil.pid_exists(each["pid"])]


@pytest.fixture
def own(own_farm: RunningFarm) -> Iterator[Farm]:
    with own_farm.client() as client:
        yield client


def mixed(count: int, sleep_ms: int = 10) -> list[str]:
    return [f"{TRUE if i % 2 else FALSE} -- sleep:{sleep_ms} {i}" for i in range(count)]


def assert_calm(verdicts: list[Verdict], count: int) -> None:
    """Every proof of `mixed` has one verdict, and the one it has on a calm day."""
    assert sorted(verdict.index for verdict in verdicts) == list(range(count))
    wrong = [v for v in verdicts if v.outcome is not (Outcome.ACCEPTED if v.index % 2 else Outcome.REJECTED)]
    assert not wrong, wrong[:3]


def midway(batch: Batch, share: float = 0.2) -> None:
    total = batch.status().total
    await_true(lambda: batch.status().done > share * total, "some progress")


def test_a_killed_worker_process_loses_nothing(own: Farm, own_farm: RunningFarm) -> None:
    batch = own.submit(mixed(200))
    midway(batch)

    workers(own_farm)[0].kill()

    assert_calm(list(batch.results()), 200)
    assert batch.status().counts.undecided == 0
    await_true(lambda: len(own_farm.workers()) == 2, "a new process in its place")


def test_a_killed_repl_loses_nothing(own: Farm, own_farm: RunningFarm) -> None:
    batch = own.submit(mixed(200))
    midway(batch)

    for repl in repls(own_farm):
        repl.kill()

    assert_calm(list(batch.results()), 200)


def test_a_killed_worker_as_a_whole_loses_nothing(own: Farm, own_farm: RunningFarm) -> None:
    batch = own.submit(mixed(200))
    midway(batch)
    parent = workers(own_farm)[0].parent()
    assert parent is not None

    parent.kill()

    assert_calm(list(batch.results()), 200)


def test_a_killed_store_loses_nothing(own: Farm, own_farm: RunningFarm) -> None:
    batch = own.submit(mixed(200))
    midway(batch)

    [valkey] = [process for process in own_farm.processes() if process.name() == "valkey-server"]
    valkey.kill()

    assert_calm(batch.wait(), 200)


def test_a_killed_api_loses_nothing(own: Farm, own_farm: RunningFarm) -> None:
    batch = own.submit(mixed(200))
    midway(batch)

    [api] = [process for process in own_farm.processes() if process.cmdline()[-2:] == ["-m", "api"]]
    api.kill()

    assert_calm(list(batch.results()), 200)


def test_a_worker_that_slept_past_its_lease_spoils_nothing(own: Farm, own_farm: RunningFarm) -> None:
    batch = own.submit(mixed(120, sleep_ms=50))
    midway(batch)
    sleeper = workers(own_farm)[0]

    sleeper.suspend()
    verdicts = list(batch.results())
    sleeper.resume()

    assert_calm(verdicts, 120)
    await_true(lambda: batch.status().finished, "the end")
    assert batch.status().done == 120


def test_a_crash_a_hang_and_a_flood_harm_nobody_else(own: Farm) -> None:
    codes = mixed(50, sleep_ms=5)
    codes[10], codes[20], codes[30] = f"{TRUE} -- crash!", f"{TRUE} -- hang!", f"{TRUE} -- flood!"
    timeout_s = 3.0
    started = time.monotonic()
    times: dict[int, float] = {}
    verdicts: dict[int, Verdict] = {}

    for verdict in own.submit(codes, timeout_s=timeout_s).results():
        verdicts[verdict.index], times[verdict.index] = verdict, time.monotonic() - started

    ill = {10: Reason.CRASHED, 20: Reason.TIMEOUT, 30: Reason.CRASHED}
    assert {index: verdicts[index].reason for index in ill} == ill
    assert_calm([*(v for i, v in verdicts.items() if i not in ill), *(well(i) for i in ill)], 50)
    # Nobody waited until a lease ran out.
    assert max(seconds for index, seconds in times.items() if index not in ill) < LEASE_MS / 1000


def well(index: int) -> Verdict:
    outcome = Outcome.ACCEPTED if index % 2 else Outcome.REJECTED
    return Verdict(id=str(index), index=index, outcome=outcome)


def test_a_memory_bomb_is_out_of_memory_and_its_neighbours_are_not(own: Farm) -> None:
    codes = mixed(20)
    codes[3] = f"{TRUE} -- grow:600 hang!"

    verdicts = own.verify(codes, timeout_s=20)

    assert verdicts[3].reason is Reason.OUT_OF_MEMORY
    assert verdicts[3].time_s < 15
    assert {verdict.outcome for verdict in verdicts if verdict.index != 3} == {Outcome.ACCEPTED, Outcome.REJECTED}
    counted = re.compile(r'farm_sandbox_denials_total\{bound="memory"\} [1-9]')
    await_true(lambda: counted.search(httpx.get(f"{own.base_url}/metrics").text), "it is counted among the denials")


@pytest.mark.parametrize(
    "words", ["INTERNAL PANIC: out of memory", "what():  std::bad_alloc", "Cannot allocate memory"]
)
def test_a_repl_that_ends_for_want_of_memory_is_out_of_memory(own: Farm, words: str) -> None:
    panic = run_word(f"import os; os.write(2, b'said before\\n{words}\\n'); os._exit(1)")
    codes = [*mixed(10), f"{TRUE} -- {panic}"]

    verdicts = own.verify(codes, timeout_s=20)

    assert verdicts[10].reason is Reason.OUT_OF_MEMORY
    assert_calm(verdicts[:10], 10)


def test_a_proof_that_lean_itself_finds_too_large_is_out_of_memory(own: Farm) -> None:
    said = own.verify([f"{TRUE} -- memory!", f"{TRUE} -- error!", TRUE], timeout_s=20)

    assert [verdict.reason for verdict in said] == [Reason.OUT_OF_MEMORY, Reason.ERROR, None]


@pytest.fixture(scope="module")
def open_farm(tmp_path_factory: pytest.TempPathFactory, scripted: Install) -> Iterator[RunningFarm]:
    """A farm whose proofs may start processes: the sandbox forbids it, and the farm is to hold without."""
    settings = {**lean_settings(scripted), "LEAN_MEMORY_LIMIT_MB": "300", "SANDBOX": "off"}
    with running_farm(tmp_path_factory.mktemp("open"), **settings) as running:
        yield running


@pytest.mark.parametrize("directive", ["orphan", "fork"])
def test_what_a_proof_started_ends_with_its_repl(open_farm: RunningFarm, directive: str) -> None:
    with open_farm.client() as own:
        assert_child_ends_with_its_repl(own, directive)


def assert_child_ends_with_its_repl(own: Farm, directive: str) -> None:
    child = started_by(own, directive)
    [timed_out] = own.verify([f"{TRUE} -- {directive}! hang!"], timeout_s=1)

    assert timed_out.reason is Reason.TIMEOUT
    own.verify([f"{TRUE} -- hang! {i}" for i in range(8)], timeout_s=0.3)
    await_true(lambda: not psutil.pid_exists(child), "the proof's child ended")


@pytest.mark.parametrize("directive", ["orphan", "fork"])
def test_what_a_proof_started_ends_with_its_worker(open_farm: RunningFarm, directive: str) -> None:
    with open_farm.client() as own:
        child = started_by(own, directive)

    for worker in workers(open_farm):
        worker.kill()

    await_true(lambda: not psutil.pid_exists(child), "the proof's child ended")


def started_by(own: Farm, directive: str) -> int:
    """Return the process that a proof started."""
    [verdict] = own.verify(f"{TRUE} -- {directive}!", timeout_s=5)
    [told] = [json.loads(message.data) for message in verdict.messages if directive in message.data]
    child = int(told[directive])
    assert psutil.pid_exists(child)
    return child


def repls(farm: RunningFarm) -> list[psutil.Process]:
    children = [child for worker in workers(farm) for child in worker.children(recursive=True)]
    assert children, "the workers must have REPLs"
    return children


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, scripted: Install) -> None:
    with running_farm(tmp_path / "own", **lean_settings(scripted)) as running:
        with running.client() as client:
            client.submit(mixed(100, sleep_ms=100))
        stop(running.up)

        assert running.up.returncode == 0
        assert not list(processes_of(running.folder))


def test_sigterm_keeps_what_waits_for_the_next_start(tmp_path: Path, scripted: Install) -> None:
    folder = tmp_path / "own"
    with running_farm(folder, **lean_settings(scripted)) as running, running.client() as client:
        batch_id = client.submit(mixed(100, sleep_ms=50)).id
        running.up.terminate()
        running.up.wait(30)
    with running_farm(folder, **lean_settings(scripted)) as running, running.client() as client:
        assert_calm(client.batch(batch_id).wait(), 100)


def test_kill_9_of_the_supervisor_leaves_nothing_running(tmp_path: Path, scripted: Install) -> None:
    folder = tmp_path / "own"
    with running_farm(folder, **lean_settings(scripted)) as running:
        with running.client() as client:
            batch_id = client.submit([f"{TRUE} -- hang!", *mixed(100, sleep_ms=50)], timeout_s=4).id
            await_true(lambda: client.batch(batch_id).status().done > 3, "some progress")
        assert len(running.processes()) > 8

        running.up.kill()
        running.up.wait(10)

        await_true(lambda: not list(processes_of(folder)), "everything gone", timeout_s=15)
    with running_farm(folder, **lean_settings(scripted)) as running, running.client() as client:
        verdicts = client.batch(batch_id).wait()
        assert [verdict.outcome for verdict in verdicts[1:]] == [Outcome.REJECTED, Outcome.ACCEPTED] * 50
