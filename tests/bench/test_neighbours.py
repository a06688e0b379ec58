"""What one key's flood costs another key: times of its batches and single proofs, quiet and flooded in turn.

This says nothing about Lean: the REPL sleeps. The table goes to docs/benchmarks.md by hand, with its command.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from farm import Farm
from farm.keys import create_key
from tests.conftest import lean_settings
from tests.support.repl.install import install
from tests.support.running import running_farm

SLEEP_MS = 100
PROCESSES = 2
CHUNK = 16
"""Most proofs of one claim, `workers/lean/claims.py`."""
CAPACITY_PER_S = PROCESSES * 1000 / SLEEP_MS
FLOOD_PER_S = 10 * CAPACITY_PER_S
SAMPLES = 20
ROUNDS = 2


def codes(count: int) -> list[str]:
    """Return texts that are in no cache."""
    at = time.monotonic_ns()
    return [f"import Init\n\ntheorem t_{at}_{i} : 1 + 1 = 2 := by rfl" for i in range(count)]


@contextmanager
def flooded(client: Farm) -> Iterator[None]:
    """In this context, submit ten times what the farm can do each second; then cancel it all."""
    ended, sent = threading.Event(), []

    def flood() -> None:
        while not ended.wait(1.0):
            sent.append(client.submit(codes(int(FLOOD_PER_S))))

    thread = threading.Thread(target=flood)
    sent.append(client.submit(codes(int(FLOOD_PER_S))))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        for batch in sent:
            batch.cancel()
        for batch in sent:
            batch.wait()


def batch_seconds(client: Farm) -> list[float]:
    """Return how long batches of one proof take, one after the other."""
    return [_timed(lambda: client.submit(codes(1)).wait()) for _ in range(SAMPLES)]


def verify_seconds(client: Farm) -> list[float]:
    """Return how long `POST /v1/verify` of one proof takes, one after the other."""
    return [_timed(lambda: client.verify(codes(1))) for _ in range(SAMPLES)]


def _timed(run: object) -> float:
    assert callable(run)
    started = time.monotonic()
    run()
    return time.monotonic() - started


def p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


@pytest.mark.bench
@pytest.mark.timeout(900)
def test_one_keys_flood_and_anothers_p95(tmp_path: Path) -> None:
    repl, keys = install(tmp_path / "repl", SCRIPTED_SLEEP_MS=str(SLEEP_MS)), tmp_path / "keys"
    flooder_key, neighbour_key = create_key(keys, "flooder"), create_key(keys, "neighbour")
    settings = {**lean_settings(repl), "LEAN_WORKERS": str(PROCESSES), "API_KEYS_FILE": str(keys)}
    quiet: dict[str, list[float]] = {"batch": [], "verify": []}
    loaded: dict[str, list[float]] = {"batch": [], "verify": []}
    with (
        running_farm(tmp_path / "own", **settings) as running,
        Farm(running.url, api_key=flooder_key) as flooder,
        Farm(running.url, api_key=neighbour_key) as neighbour,
    ):
        neighbour.verify(codes(4))
        for _ in range(ROUNDS):  # in turn, so that both meet the same noise
            quiet["batch"] += batch_seconds(neighbour)
            quiet["verify"] += verify_seconds(neighbour)
            with flooded(flooder):
                loaded["batch"] += batch_seconds(neighbour)
                loaded["verify"] += verify_seconds(neighbour)
    chunk_s = CHUNK * SLEEP_MS / 1000
    for kind in quiet:  # the table is what this test is for
        before, after = p95(quiet[kind]), p95(loaded[kind])
        print(
            f"\n| {kind} | {before:.3f} | {after:.3f} | {statistics.median(loaded[kind]):.3f} | {chunk_s:.1f} | "
            f"{(after - before) / chunk_s:.2f} |"
        )
