"""What one sign of life of a Lean process costs the store.

make setup && .venv/bin/python -m pytest tests/bench/test_signs_of_life.py -m bench -s
"""

from __future__ import annotations

from typing import Any

import pytest

from farm.models import WorkerKind
from farm.store.registry import Registry
from tests.support.open_store import OpenStore, open_store

PROCESSES = 1000
ROUNDS = 5
SHOWN: dict[str, Any] = {
    "host": "lean-17",
    "pid": 4711,
    "state": "busy",
    "engine": "Lean 4.32.0",
    "sandbox": "landlock, seccomp, limits",
    "header": "import Mathlib",
    "proofs": 1234,
    "restarts": 3,
    "memory_mb": 3210.5,
}


def cpu_s(client: OpenStore) -> float:
    used = client.info("cpu")
    return float(used["used_cpu_sys"] + used["used_cpu_user"])


@pytest.mark.bench
def test_cost_of_a_sign_of_life(valkey_url: str) -> None:
    client = open_store(valkey_url)
    processes = [Registry(client, WorkerKind.LEAN, f"lean-17:{number}.1") for number in range(PROCESSES)]
    for process in processes:
        process.beat(**SHOWN)
    before_s = cpu_s(client)
    for _ in range(ROUNDS):
        for process in processes:
            process.beat(**SHOWN)
    print(f"\n{1000 * (cpu_s(client) - before_s) / (ROUNDS * PROCESSES):.3f} ms of Valkey's CPU per sign of life")
