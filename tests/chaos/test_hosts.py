"""A proof that kills whatever runs it, and a host that dies as a whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from farm import Outcome, Reason, Verdict
from farm.client import Batch
from farm.store.constants import ONE_OF_THEM
from farm.store.leases import DEATH_BOUND
from tests.chaos.victim import Victim, can_rename_host, victim
from tests.support.repl.install import Install
from tests.support.running import await_true

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
OTHER = "other-host"
# The lease runs out, and the reaper looks every second.
ELSEWHERE_WITHIN_S = 30


@pytest.fixture(scope="module")
def ill(tmp_path_factory: pytest.TempPathFactory, scripted: Install) -> Iterator[Victim]:
    """A farm with the default bound on deaths."""
    with victim(tmp_path_factory.mktemp("hosts"), scripted, LEAN_MAX_DEATHS=str(DEATH_BOUND), LEAN_WORKERS="2") as ill:
        yield ill


def test_a_proof_that_kills_its_worker_every_time_is_crashed_and_its_neighbours_never(ill: Victim) -> None:
    poison, count = 30, 60
    codes = [f"{TRUE} -- sleep:20 {index}" for index in range(count)]
    codes[poison] = f"{TRUE} -- hang!"
    with ill.client() as client:
        batch = client.submit(codes, timeout_s=60, cache=False)
        killed: set[int] = set()
        # The first time it runs in a group, and its process dies before it is known which proof of the group that was.
        while len(killed) < 1 + DEATH_BOUND:
            pid = await_true(lambda: runner(ill, batch, poison, but_not=killed), "the poison runs")
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        verdicts = batch.wait()

    crashed = verdicts.pop(poison)
    assert (crashed.outcome, crashed.reason, crashed.attempts) == (Outcome.UNDECIDED, Reason.CRASHED, DEATH_BOUND)
    assert {verdict.outcome for verdict in verdicts} == {Outcome.ACCEPTED}
    assert {verdict.attempts for verdict in verdicts} == {1}, "a neighbour was charged"


def runner(ill: Victim, batch: Batch, index: int, but_not: set[int]) -> int | None:
    """Return the process that runs a proof; a dead one's lease may not have been taken back yet."""
    store = ill.redis()
    for key in store.keys("farm:lease:*"):
        if store.type(key) != b"hash":
            continue
        lease = {name.decode(): value.decode() for name, value in store.hgetall(key).items()}
        pid = int(lease.get("worker", ":0").rpartition(":")[2].partition(".")[0])
        running = lease.get("running")
        if running == ONE_OF_THEM:
            # The verdicts of those before it are written soon, while it runs.
            running = b"".join(store.lrange(f"{key.decode()}:items", 0, 0)).decode()
        if (lease.get("batch"), running) == (batch.id, str(index)) and pid not in but_not:
            return pid
    return None


@pytest.mark.root
def test_the_proofs_of_a_dead_host_run_elsewhere(ill: Victim) -> None:
    if not can_rename_host():
        pytest.skip("needs root, to give processes a host name of their own")
    with ill.client() as client:
        with other_host(ill) as worker:
            await_true(lambda: held_there(ill, "idle"), "the other host is there")
            batch = client.submit([f"{TRUE} -- sleep:400 {index}" for index in range(60)], cache=False)
            await_true(lambda: held_there(ill, "lease"), "the other host has work")
            # Its children die with it, and no reaper of this host knows them, so that nothing tells the store.
            worker.kill()
            worker.wait()
            held = held_there(ill, "lease")
        await_true(lambda: not held & held_there(ill, "lease"), "its leases are taken back", ELSEWHERE_WITHIN_S)
        verdicts = batch.wait()

    assert {verdict.outcome for verdict in verdicts} == {Outcome.ACCEPTED}
    assert [verdict.index for verdict in verdicts] == list(range(60))
    again = [verdict for verdict in verdicts if verdict.attempts > 1]
    assert again, "what ran there must have run again"
    assert_only_what_ran_was_charged(again, len(held))


def assert_only_what_ran_was_charged(again: list[Verdict], leases: int) -> None:
    assert len(again) <= leases
    assert {verdict.attempts for verdict in again} == {2}


def held_there(ill: Victim, what: str) -> set[str]:
    """Return the leases of the other host, or its processes."""
    store = ill.redis()
    if what == "idle":
        return {name.decode() for name in store.zrange("farm:workers", 0, -1) if name.startswith(OTHER.encode())}
    leases = [name.decode() for name in store.zrange("farm:leases", 0, -1)]
    return {x for x in leases if (store.hget(f"farm:lease:{x}", "worker") or b"").startswith(OTHER.encode())}


@contextmanager
def other_host(ill: Victim) -> Iterator[subprocess.Popen[bytes]]:
    """Run Lean workers under another host name, on the store of a farm."""
    url = ill.farm.redis_url
    command = ["unshare", "--uts", "sh", "-c", f"hostname {OTHER}; exec {sys.executable} -m workers.lean"]
    environment = {**ill.farm.environment, "REDIS_URL": url, "BROKER_URL": url, "LEAN_WORKERS": "2"}
    with (ill.folder / "other.log").open("wb") as log:
        worker = subprocess.Popen(command, cwd=ill.folder, env=environment, stdout=log, stderr=log)
    try:
        yield worker
    finally:
        worker.kill()
        worker.wait()
