"""What `feedback: true` costs: batches of proofs that fail, with and without it, in turn on one farm.

    .venv/bin/python -m pytest tests/bench/test_feedback_cost.py -m bench -s

This says nothing about Lean: the scripted REPL keeps no tactic states. The row goes to docs/benchmarks.md by hand.
"""

from __future__ import annotations

import contextlib
import statistics
from pathlib import Path

import psutil
import pytest

from farm import Farm, Verdict
from tests.conftest import lean_settings
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, running_farm

PROOFS = 500
TACTICS = 8
ROUNDS = 5


def failing(number: int) -> str:
    """Return a proof whose last tactic fails, after tactics that work and add hypotheses to its goal."""
    steps = [f"  have h{step} : {step} + 1 = {step + 1} := rfl" for step in range(TACTICS)]
    # The comment makes the scripted REPL miss the name, as Lean does.
    return "\n".join([f"theorem t{number} : {number} + 1 = {number} + 1 := by", *steps, "  exact it -- unknown:it"])


def cpu_s(farm: RunningFarm) -> float:
    """Return the CPU seconds of the farm's processes and their REPLs so far; they bound what two cores judge."""
    spent = 0.0
    for process in psutil.Process(farm.up.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            spent += sum(process.cpu_times()[:4])  # with those of REPLs that have ended
    return spent


def run(farm: RunningFarm, client: Farm, *, feedback: bool) -> tuple[float, list[Verdict]]:
    """Return the CPU seconds that a batch takes, and its verdicts."""
    before_s = cpu_s(farm)
    verdicts = client.submit([failing(n) for n in range(PROOFS)], cache=False, feedback=feedback).wait()
    return cpu_s(farm) - before_s, verdicts


def size(verdicts: list[Verdict]) -> float:
    return statistics.mean(len(verdict.model_dump_json()) for verdict in verdicts)


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_cost_of_feedback(tmp_path: Path, scripted: Install) -> None:
    settings = {**lean_settings(scripted), "LEAN_WORKERS": "2"}
    spent: dict[bool, list[float]] = {False: [], True: []}
    sizes: dict[bool, float] = {}
    with running_farm(tmp_path / "own", **settings) as farm, farm.client() as client:
        run(farm, client, feedback=True)
        for _ in range(ROUNDS):  # in turn, so that both meet the same noise
            for feedback in (False, True):
                taken_s, verdicts = run(farm, client, feedback=feedback)
                assert all(bool(verdict.feedback) == feedback for verdict in verdicts)
                spent[feedback].append(taken_s)
                sizes[feedback] = size(verdicts)
    ratios = sorted(told / plain for plain, told in zip(spent[False], spent[True], strict=True))
    plain_ms, told_ms = (1000 * statistics.median(spent[feedback]) / PROOFS for feedback in (False, True))
    ratio = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})"
    print(f"\n| {plain_ms:.2f} ms | {told_ms:.2f} ms | {ratio} | {sizes[False]:.0f} | {sizes[True]:.0f} |")
