"""Print how policies compare with first come, first served, in ratios of its times.

    python -m tests.bench.scheduling                      # synthetic mixes: some minutes
    python -m tests.bench.scheduling step RL_STEP.jsonl   # a recorded step on 32 processes: seconds

A recording has a line for each attempt, JSON with `outcome` (`runaway` for one that never ended) and `cost_ms`.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from statistics import mean

from tests.bench.scheduling.policies import FIFO, POLICIES, Fifo
from tests.bench.scheduling.simulation import NEVER, Batch, Farm, Outcome

REPETITIONS = 5
SHAPES = ("one", "three", "stream")
RUNAWAYS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)
TIMEOUTS_S = (30.0, 60.0, 300.0)
LOADS_S = (0.0, 5.0, 30.0)
PROCESSES = (4, 32, 256)
PROOFS = 1000
_RULE = "| --- | --- | --- | --- |"
MEAN_SHARE = 0.012  # of the timeout: the recorded step's 3.6 s of 300


def ratios(batches: Callable[[], Sequence[Batch]], processes: int, timeout_s: float, load_s: float) -> list[Outcome]:
    """Return for each policy its times divided by those of first come, first served."""

    def run(policy: Fifo) -> Outcome:
        return Farm(batches(), processes, timeout_s, load_s, policy).run()

    base = run(FIFO)
    found = [base, *map(run, POLICIES[1:])]
    return [Outcome(each.whole_s / base.whole_s, each.last_finite_s / base.last_finite_s) for each in found]


def mix(shape: str, runaways: float, timeout_s: float, load_s: float, processes: int, seed: int) -> list[Batch]:
    """Return batches of a shape, their lengths log-normal up to a fifth of the timeout."""
    drawn = random.Random(seed)

    def costs(count: int) -> list[float]:
        return [
            NEVER
            if drawn.random() < runaways
            else min(timeout_s / 5, MEAN_SHARE / 3.6 * timeout_s * drawn.lognormvariate(0.2, 1.45))
            for _ in range(count)
        ]

    if shape == "one":
        return [Batch(costs(PROOFS))]
    if shape == "three":
        return [Batch(costs(PROOFS // 2)) for _ in range(3)]
    mean_s = (1 - runaways) * MEAN_SHARE * timeout_s + runaways * (timeout_s + load_s)
    gap_s = PROOFS // 3 * mean_s / processes / 0.9  # the farm is busy for nine tenths of its time
    return [Batch(costs(PROOFS // 3), number * gap_s) for number in range(6)]


def step(path: Path) -> None:
    """Print the table of a recorded step."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    recorded = [NEVER if row["outcome"] == "runaway" else row["cost_ms"] / 1000 for row in rows]
    print("| policy | header load | whole batch: mean, worst | last finite proof: mean, worst |")
    print(_RULE)
    for load_s in LOADS_S:
        found = []
        for seed in range(REPETITIONS):
            costs = random.Random(seed).sample(recorded, len(recorded))
            found.append(ratios(lambda costs=costs: [Batch(costs)], 32, 300.0, load_s))  # type: ignore[misc]
        _print_rows(f"{load_s:g} s", found)


def mixes() -> None:
    """Print, for each shape and share of runaways, the means and the worst cells of the synthetic mixes."""
    print("| policy | mix | whole batch: mean, worst cell | last finite proof: mean, worst cell |")
    print(_RULE)
    for shape, runaways in product(SHAPES, RUNAWAYS):
        cells = []
        for timeout_s, load_s, processes in product(TIMEOUTS_S, LOADS_S, PROCESSES):
            found = []
            for seed in range(REPETITIONS):
                drawn = (shape, runaways, timeout_s, load_s, processes, seed)
                found.append(ratios(lambda drawn=drawn: mix(*drawn), processes, timeout_s, load_s))  # type: ignore[misc]
            cells.append([_mean(column) for column in zip(*found, strict=True)])
        _print_rows(f"{shape}, {runaways:.0%}", cells)


def _mean(found: Sequence[Outcome]) -> Outcome:
    return Outcome(mean(each.whole_s for each in found), mean(each.last_finite_s for each in found))


def _print_rows(label: str, found: Sequence[Sequence[Outcome]]) -> None:
    for policy, column in zip(POLICIES, zip(*found, strict=True), strict=True):
        middle = _mean(column)
        whole, last = max(each.whole_s for each in column), max(each.last_finite_s for each in column)
        line = f"| {policy.name} | {label} | {middle.whole_s:.3f}, {whole:.3f} | "
        print(f"{line}{middle.last_finite_s:.3f}, {last:.3f} |", flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            mixes()
        case ["step", path]:
            step(Path(path))
        case _:
            sys.exit(__doc__)
