"""The Slurm script on four hosts: one is preempted, one dies, and the whole job is requeued; nothing is lost."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from farm import Outcome
from tests.conftest import lean_settings, require
from tests.support.hosts import can_make_networks, names, network
from tests.support.repl.install import Install
from tests.support.running import await_true
from tests.support.slurm import GRACE_S, end_host, job

pytestmark = [pytest.mark.root, pytest.mark.system, pytest.mark.networks, pytest.mark.timeout(240)]

COUNT = 2000
# Half of them are false, so that a verdict that went to its neighbour is a wrong one.
CODES = [f"theorem t : 1 + 1 = {2 + index % 2} := by rfl -- sleep:20 {index}" for index in range(COUNT)]
EXPECTED = {index: Outcome.REJECTED if index % 2 else Outcome.ACCEPTED for index in range(COUNT)}


def test_preempted_dead_and_requeued_nodes_cost_no_verdict(tmp_path: Path, scripted: Install) -> None:
    require(shutil.which("ip"), "iproute2")
    if not can_make_networks():
        pytest.skip("needs root, to make network namespaces")
    settings = {**lean_settings(scripted), "LEAN_WORKERS": "1"}
    with network("head", "lean1", "lean2", "lean3") as hosts, names(hosts):
        with job(tmp_path, hosts, settings) as first:
            first.await_nodes()
            with first.client() as client:
                batch = client.submit(CODES, cache=False)
                await_true(lambda: batch.status().done > COUNT // 10, "some of it is done")
                preempted = first.task(hosts[1])
                preempted.terminate()
                end_host(hosts[2])
                preempted.wait(GRACE_S)
                assert hosts[1].pids() == []
                assert batch.status().done < COUNT, "both must have gone in the middle of the batch"
            first.end()
            assert [host.pids() for host in hosts] == [[]] * len(hosts)
        with job(tmp_path, hosts[:2], settings) as second:
            second.await_nodes()
            with second.client() as client:
                again = client.batch(batch.id)
                verdicts = again.wait()
                status = again.status()

    assert Counter(verdict.index for verdict in verdicts) == Counter(range(COUNT)), "a verdict was lost or doubled"
    assert {verdict.index: verdict.outcome for verdict in verdicts} == EXPECTED
    assert status.counts.model_dump() == {"accepted": COUNT // 2, "rejected": COUNT // 2, "undecided": 0}
    assert max(verdict.attempts for verdict in verdicts) <= 2, "a host that dies costs a proof one attempt"
