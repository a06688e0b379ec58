"""What a batch of 100 000 costs: time to submit, verdicts per second, CPU and memory of each component, bytes in Redis.

    make setup && .venv/bin/python -m pytest tests/bench/test_large_batch.py -m bench -s

`BENCH_PROOFS` makes it smaller. The REPL is a C program that answers at once (`tests/bench/stand_in.py`): not Lean.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import orjson
import psutil
import pytest
import redis

from tests.bench.stand_in import build
from tests.support.running import RunningFarm, await_true, running_farm

PROOFS = int(os.environ.get("BENCH_PROOFS", "100000"))
PROOF_BYTES = 4000
_COMPONENTS = {
    "valkey-server": "Valkey",
    "-m api": "API",
    "workers.lean": "Lean workers",
    "stand_in": "REPL",
}


def body(proofs: int) -> bytes:
    """Return NDJSON of proofs that differ and deflate about as Lean does."""
    rng = random.Random(1)
    steps = [f"  have h{rng.randrange(10**6)} := lemma_{rng.randrange(10**5)} (by simp [foo_{i}])" for i in range(2000)]
    lines = []
    for i in range(proofs):
        code = f"theorem t{i} : 1 + 1 = 2 := by\n"
        while len(code) < PROOF_BYTES:
            code += rng.choice(steps) + "\n"
        lines.append(orjson.dumps({"code": code[:PROOF_BYTES]}))
    return b"\n".join(lines)


def cpu_s(farm: RunningFarm) -> dict[str, float]:
    """Return the CPU seconds of each component so far, user and system."""
    spent: dict[str, float] = defaultdict(float)
    for process in farm.processes():
        command = " ".join(process.cmdline())
        name = next((name for part, name in _COMPONENTS.items() if part in command), "all else")
        spent[name] += sum(process.cpu_times()[:2])
    return spent


@contextmanager
def peak_mb(process: psutil.Process) -> Iterator[list[float]]:
    """Watch the resident memory of a process; the list holds its peak."""
    peak, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            peak[0] = max(peak[0], process.memory_info().rss / 1e6)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def read(url: str, counts: list[int]) -> None:
    """Stream a batch's verdicts to the end, counting them."""
    with httpx.stream("GET", url, headers={"Accept": "application/x-ndjson"}, timeout=None) as stream:
        counts.append(sum(b'"outcome"' in line.encode() for line in stream.iter_lines()))


@pytest.mark.bench
@pytest.mark.timeout(900)
def test_a_batch_of_100_000(tmp_path: Path) -> None:
    repl, text = build(tmp_path / "repl"), body(PROOFS)
    settings = {"LAKE_PATH": str(repl.lake_path), "LEAN_REPL_DIR": str(repl.repl_dir)}
    with running_farm(tmp_path / "farm", **settings) as farm:
        store = redis.Redis.from_url(farm.redis_url)
        api = next(process for process in farm.processes() if "-m api" in " ".join(process.cmdline()))
        calm_bytes = store.info("memory")["used_memory"]
        with peak_mb(api) as peak:
            started = time.monotonic()
            headers = {"Content-Type": "application/x-ndjson"}
            accepted = httpx.post(f"{farm.url}/v1/batches", content=text, headers=headers, timeout=300)
            submit_s = time.monotonic() - started
            batch = accepted.raise_for_status().json()["batch_id"]
            stored_bytes = store.info("memory")["used_memory"] - calm_bytes

            before, started = cpu_s(farm), time.monotonic()
            counts: list[int] = []
            url = f"{farm.url}/v1/batches/{batch}"
            readers = [threading.Thread(target=read, args=(f"{url}/results", counts)) for _ in range(2)]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join()
            run_s, after = time.monotonic() - started, cpu_s(farm)
        decided_bytes = store.info("memory")["used_memory"] - calm_bytes
        tally = httpx.get(url).json()["counts"]
        assert counts == [PROOFS, PROOFS]
        assert tally == {"accepted": PROOFS, "rejected": 0, "undecided": 0}

        # As if its retention were over: the reaper finds it due. Verdicts kept for repeats have their own bound.
        farm.command("cache", "purge", "--all").check_returncode()
        store.zadd("farm:expiries", {batch: 1})
        await_true(lambda: not store.exists(f"farm:batch:{batch}:results"), "expiry", 120)
        await_true(lambda: store.info("memory")["lazyfree_pending_objects"] == 0, "memory given back")
        left_bytes = store.info("memory")["used_memory"] - calm_bytes
    spent = {name: (after[name] - before.get(name, 0)) / PROOFS for name in sorted(after)}
    print(  # the table is what this test is for
        f"\n| submit {PROOFS} × {PROOF_BYTES} bytes | {submit_s:.1f} s |\n"
        f"| run and streamed to two readers | {run_s:.1f} s, {PROOFS / run_s:.0f} verdicts/s |\n"
        f"| peak memory of the API, both | {peak[0]:.0f} MB |\n"
        f"| Redis, bytes per proof: waiting, decided | {stored_bytes / PROOFS:.0f}, {decided_bytes / PROOFS:.0f} |\n"
        f"| Redis after expiry, against before | {left_bytes / 1e6:+.2f} MB |\n"
        + "".join(f"| CPU, {name} | {1000 * cpu:.3f} ms per proof |\n" for name, cpu in spent.items())
    )
