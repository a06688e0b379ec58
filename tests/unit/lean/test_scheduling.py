"""The shipped rule in the simulator that calls it: a batch ends no later than under first come, first served."""

from __future__ import annotations

import json
import random
from pathlib import Path
from statistics import mean

import pytest

from tests.bench.scheduling.__main__ import mix, ratios
from tests.bench.scheduling.policies import BEFORE, POLICIES, SHIPPED
from tests.bench.scheduling.simulation import NEVER, Batch


def test_a_recorded_step_ends_no_later_and_its_last_useful_verdict_comes_sooner(shared_data: Path) -> None:
    rows = [json.loads(line) for line in (shared_data / "rl_step.jsonl").read_text(encoding="utf-8").splitlines()]
    recorded = [NEVER if row["outcome"] == "runaway" else row["cost_ms"] / 1000 for row in rows]
    orders = [random.Random(seed).sample(recorded, len(recorded)) for seed in range(5)]

    found = [ratios(lambda costs=costs: [Batch(costs)], 32, 300.0, 0.0) for costs in orders]  # type: ignore[misc]

    shipped, before = ([each[POLICIES.index(policy)] for each in found] for policy in (SHIPPED, BEFORE))
    assert mean(each.whole_s for each in shipped) <= 1.0
    assert mean(each.last_finite_s for each in shipped) < 0.95
    assert mean(each.whole_s for each in before) > 1.1, "the simulator shows what the farm did before"


@pytest.mark.parametrize("shape", ["one", "three", "stream"])
@pytest.mark.parametrize("runaways", [0.0, 0.05, 0.1])
def test_mixes_end_no_later(shape: str, runaways: float) -> None:
    found = [ratios(lambda seed=seed: mix(shape, runaways, 300.0, 5.0, 32, seed), 32, 300.0, 5.0) for seed in range(5)]  # type: ignore[misc]

    assert mean(each[POLICIES.index(SHIPPED)].whole_s for each in found) <= 1.01
