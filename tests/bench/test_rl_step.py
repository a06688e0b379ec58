"""A training step as recorded, time scaled: repeats, header loads, and the long tail.

    make setup && .venv/bin/python -m pytest tests/bench/test_rl_step.py -m bench -s

There are 1 952 attempts, of which 79 never end. A recorded second takes `SCALE` seconds here; the REPL is a C program
that sleeps (`tests/bench/stand_in.py`), not Lean. With `PLOT=docs/rl_step.svg` the test draws the verdicts over time
(needs matplotlib).
"""

from __future__ import annotations

import json
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from farm import Farm
from farm.normal_form import normal_form
from tests.bench.fifo import fifo_seconds
from tests.bench.stand_in import build
from tests.support.running import RunningFarm, await_true, running_farm

HEADER = "import Mathlib"
SCALE = 0.2
TIMEOUT_S = 300
PROCESSES = 32
Ends = list[tuple[float, bool]]


def step(data: Path) -> list[str]:
    """Return the step's proofs without their header, in an order drawn once; comments tell the stand-in what to do."""
    attempts = [json.loads(line) for line in (data / "rl_step.jsonl").read_text(encoding="utf-8").splitlines()]
    random.Random(6).shuffle(attempts)
    first: dict[str, str] = {}  # texts that are the same to Lean end alike
    return [
        f"{text}\n-- {first.setdefault(normal_form(text), _directive(attempt))}"
        for attempt in attempts
        for text in [f"theorem p{attempt['problem']} : True := by\n  {attempt['proof']}"]
    ]


def _directive(attempt: dict[str, object]) -> str:
    if attempt["outcome"] == "runaway":
        return "hang!"
    assert isinstance(attempt["cost_ms"], int)
    return f"sleep:{round(SCALE * attempt['cost_ms'])}" + (" error!" if attempt["outcome"] == "fail" else "")


def farm_seconds(client: Farm, bodies: list[str], *, cache: bool) -> tuple[Ends, int]:
    """Return the same as `fifo_seconds`, and how many proofs another one's run answered."""
    started, ends, cached = time.monotonic(), [], 0
    codes = [f"{HEADER}\n\n{body}" for body in bodies]
    for verdict in client.submit(codes, timeout_s=SCALE * TIMEOUT_S, cache=cache).results():
        ends.append((time.monotonic() - started, verdict.reason != "timeout"))
        cached += verdict.cached
    return ends, cached


def last_finite_s(ends: Ends) -> float:
    """Return when the last proof that ended before its timeout was done."""
    return max(end for end, ended in ends if ended)


def restarts(farm: RunningFarm) -> int:
    """Return how often a REPL was started again, each with a header to load."""
    return sum(worker["restarts"] for worker in farm.workers())


def draw(path: Path, curves: dict[str, Ends]) -> None:
    """Draw how many of the proofs that end had their verdict at each time."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, ends in curves.items():
        times = sorted(end / SCALE for end, ended in ends if ended)
        axes.step(times, range(1, len(times) + 1), where="post", label=name)
    axes.set(xlabel="seconds of the recorded step", ylabel="verdicts of proofs that end")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(path)


@pytest.mark.bench
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("load_s", "cache"), [(0, False), (5, False), (30, False), (5, True)])
def test_a_training_step(tmp_path: Path, shared_data: Path, load_s: float, cache: bool) -> None:
    repl = build(tmp_path / "repl", FAKE_IMPORT_SLEEP_MS=str(round(1000 * SCALE * load_s)))
    bodies = step(shared_data)
    settings = {
        "LAKE_PATH": str(repl.lake_path),
        "LEAN_REPL_DIR": str(repl.repl_dir),
        "LEAN_WORKERS": str(PROCESSES),
        "WARM_HEADERS": HEADER,
    }
    with running_farm(tmp_path / "farm", **settings) as farm, farm.client() as client:
        # The baseline's start is not counted either.
        await_true(lambda: sum(bool(each["header"]) for each in farm.workers()) == PROCESSES, "warm processes", 300)
        with ThreadPoolExecutor() as beside:  # all of them only sleep
            baseline = beside.submit(fifo_seconds, repl, HEADER, bodies, PROCESSES, SCALE * TIMEOUT_S)
            ours, cached = farm_seconds(client, bodies, cache=cache)
        fifo, loads = baseline.result(), restarts(farm) + PROCESSES
    assert sum(ended for _, ended in ours) == sum(ended for _, ended in fifo)

    last, base = last_finite_s(ours), last_finite_s(fifo)
    print(  # the table is what this test is for
        f"\n| {load_s} s | {cache} | {base / SCALE:.0f} s | {last / SCALE:.0f} s | {last / base:.2f} | "
        f"{max(ours)[0] / max(fifo)[0]:.2f} | {loads} of {len(bodies) - cached} | {cached} |"
    )
    if cache and (plot := os.environ.get("PLOT")):
        draw(Path(plot), {"farm": ours, "first come, first served": fifo})
