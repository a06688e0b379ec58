"""How many Lean processes one API and one Valkey keep busy: their REPL only sleeps, so that two cores are enough.

    make setup && .venv/bin/python -m pytest tests/bench/test_ceiling.py -m bench -s

A process is busy while its REPL sleeps. The time counts from the first verdict after the first round to the one before
the last round, so that starting up and running dry are left out.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from farm import Farm
from tests.bench.stand_in import build
from tests.support.running import running_farm

ROUNDS = 12


def busy(client: Farm, processes: int, proof_s: float) -> float:
    """Return the share of the processes' time in which a proof ran, 0 to 1."""
    codes = [f"theorem t{i} : 1 + 1 = 2 := by rfl" for i in range(processes * ROUNDS)]
    seen = []
    for verdict in client.submit(codes).results():
        assert verdict.reward == 1.0
        seen.append(time.monotonic())
    steady = seen[2 * processes : -2 * processes]
    return (len(steady) - 1) * proof_s / (processes * (steady[-1] - steady[0]))


@pytest.mark.bench
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("processes", "proof_s"), [(64, 0.5), (200, 1.0)])
def test_processes_kept_busy(tmp_path: Path, processes: int, proof_s: float) -> None:
    repl = build(tmp_path / "repl", FAKE_SLEEP_MS=str(int(1000 * proof_s)))
    settings = {"LAKE_PATH": str(repl.lake_path), "LEAN_REPL_DIR": str(repl.repl_dir), "LEAN_WORKERS": str(processes)}
    with running_farm(tmp_path / "farm", **settings) as farm, farm.client() as client:
        list(client.submit([f"theorem w{i} : 1 + 1 = 2 := by rfl" for i in range(2 * processes)]).results())
        share = busy(client, processes, proof_s)
    print(f"\n| {processes} processes | {proof_s:g} s | {processes / proof_s:.0f} | {100 * share:.1f} % |")
