"""How throughput grows from 1 to 64 Lean processes on two hosts of their own; the REPL only sleeps.

    make setup && .venv/bin/python -m pytest tests/bench/test_scaling.py -m bench -s

API, reaper and Valkey are in one network namespace, the workers in two others, with half of the processes on each. The
first and the last two rounds are left out: they start up and run dry.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from farm import Farm
from tests.bench.stand_in import build
from tests.support.hosts import Host, can_make_networks, network
from tests.support.running import await_true
from tests.support.spread import Spread, spread

PROOF_S = 0.5
ROUNDS = 24
PROCESSES = (1, 2, 4, 8, 16, 32, 64)


def busy(client: Farm, processes: int) -> float:
    """Return the share of the processes' time in which a proof ran, 0 to 1."""
    codes = [f"theorem t{i} : 1 + 1 = 2 := by rfl" for i in range(processes * ROUNDS)]
    seen = []
    for verdict in client.submit(codes, cache=False).results():
        assert verdict.reward == 1.0
        seen.append(time.monotonic())
    # From the first verdict of a round to the first of another: processes that started together end together.
    begun_s, ended_s = seen[2 * processes], seen[-2 * processes]
    return (ROUNDS - 4) * PROOF_S / (ended_s - begun_s)


def efficiency(farm: Spread, hosts: list[Host], processes: int, settings: dict[str, str]) -> float:
    """Return the same, with the processes divided between the hosts."""
    shares = [processes - processes // 2, processes // 2]
    await_true(lambda: not any(farm.processes_of(host) for host in hosts), "the last ones are forgotten")
    with ExitStack() as joined, farm.client() as client:
        for host, share in zip(hosts, shares, strict=True):
            if share:
                joined.enter_context(farm.joined(host, share, settings))
        warm_up = [f"theorem w{i} : 1 + 1 = 2 := by rfl" for i in range(2 * processes)]
        list(client.submit(warm_up, cache=False).results())
        found = busy(client, processes)
        print(f"\n({len(farm.store().client_list())} connections to the store)")
        return found


@pytest.mark.bench
@pytest.mark.timeout(900)
def test_scaling_over_two_hosts(tmp_path: Path) -> None:
    if not can_make_networks():
        pytest.skip("needs root and iproute2, to make network namespaces")
    repl = build(tmp_path / "repl", FAKE_SLEEP_MS=str(int(1000 * PROOF_S)))
    settings = {"LAKE_PATH": str(repl.lake_path), "LEAN_REPL_DIR": str(repl.repl_dir), "VERDICT_CACHE_MB": "0"}
    with network("head", "lean1", "lean2") as (head, *hosts), spread(tmp_path, head, settings) as farm:
        for processes in PROCESSES:
            share = efficiency(farm, hosts, processes, settings)
            print(f"| {processes} | {processes / PROOF_S:.0f} | {share * processes / PROOF_S:.1f} | {share:.3f} |")
