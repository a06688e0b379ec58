"""The farm against a plain pool of AutoLeanServers, on the same scripted REPL in the same run.

This says nothing about Lean: the REPL sleeps. The table goes to docs/benchmarks.md by hand, with its command.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from farm import Farm, Outcome
from tests.bench.pool import pool_seconds
from tests.conftest import lean_settings
from tests.support.repl.install import install
from tests.support.running import running_farm

HEADER = "import Init"
PROOFS = 500
PROCESSES = 2
ROUNDS = 5


def farm_seconds(client: Farm, codes: list[str]) -> float:
    started = time.monotonic()
    verdicts = list(client.submit(codes, cache=False).results())
    taken = time.monotonic() - started
    assert {verdict.outcome for verdict in verdicts} == {Outcome.ACCEPTED}
    assert len(verdicts) == len(codes)
    return taken


@pytest.mark.bench
@pytest.mark.timeout(600)
@pytest.mark.parametrize("sleep_ms", [0, 50])
def test_farm_against_pool(tmp_path: Path, sleep_ms: int) -> None:
    repl = install(tmp_path / "repl", SCRIPTED_SLEEP_MS=str(sleep_ms))
    bodies = [f"theorem bench_{i} : 1 + 1 = 2 := by rfl" for i in range(PROOFS)]
    codes = [f"{HEADER}\n\n{body}" for body in bodies]
    ours, theirs = [], []

    settings = {**lean_settings(repl), "LEAN_WORKERS": str(PROCESSES)}
    with running_farm(tmp_path / "own", **settings) as running, running.client() as client:
        farm_seconds(client, codes[:20])
        for _ in range(ROUNDS):  # in turn, so that both meet the same noise
            ours.append(farm_seconds(client, codes))
            theirs += pool_seconds(repl, HEADER, bodies, PROCESSES, 1)

    farm_s, pool_s = statistics.median(ours), statistics.median(theirs)
    ratios = sorted(pool / own for own, pool in zip(ours, theirs, strict=True))
    print(  # the table is what this test is for
        f"\n| {sleep_ms} ms | {PROOFS / pool_s:.1f} | {PROOFS / farm_s:.1f} | "
        f"{statistics.median(ratios):.3f} ({ratios[0]:.3f}–{ratios[-1]:.3f}) |"
    )
