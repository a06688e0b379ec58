"""Proofs that the scripted REPL judges as a test wants, and batches of them."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.running import RunningFarm, await_true

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
FALSE = "theorem three : 1 + 1 = 3 := by decide"
GAP = "theorem gap (a b : Nat) : a + b = b + a := by sorry"
ENDLESS = "import Init\n\n-- a search that does not end: hang!\ntheorem endless : 1 + 1 = 2 := by\n  rfl"


def submit(farm: RunningFarm, proofs: list[dict[str, str]], timeout_s: float = 1, **options: Any) -> str:
    """Submit a batch and return its id."""
    body = {"proofs": proofs, "timeout_s": timeout_s, **options}
    return str(httpx.post(f"{farm.url}/v1/batches", json=body, timeout=30).json()["batch_id"])


def finish(farm: RunningFarm, batch: str) -> str:
    """Wait until a batch has all its verdicts, and return its id."""
    await_true(lambda: httpx.get(f"{farm.url}/v1/batches/{batch}").json()["state"] == "done", "the batch")
    return batch


def submit_many(farm: RunningFarm, size: int) -> str:
    """Return a batch of so many proofs, nearly all of them cancelled before they ran."""
    lines = f'{{"code":"{TRUE}"}}\n'.encode() * size
    headers = {"Content-Type": "application/x-ndjson"}
    batch = httpx.post(f"{farm.url}/v1/batches", content=lines, headers=headers, timeout=60).json()["batch_id"]
    httpx.delete(f"{farm.url}/v1/batches/{batch}")
    await_true(lambda: httpx.get(f"{farm.url}/v1/batches/{batch}").json()["done"] == size, "all verdicts", 200)
    return str(batch)
