"""Load on `POST /api/check` of a Kimina Lean Server: snippets that no other request sends, over some connections.

    python -m tests.bench.check_load --url URL --connections 8 --batch 8 --proofs 256

Prints JSON: proofs per second, and how many were not answered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from uuid import uuid4

import httpx

# About as long as what provers send: half of the proofs of a recorded training step are longer than 1 300 characters.
_STEPS = "\n".join(
    f"  have h{at} : {at} + {at} = {2 * at} := by norm_num -- the step, and what it is for" for at in range(20)
)


def snippet() -> str:
    """Return a text that is in no cache."""
    name = uuid4().hex
    return f"import Mathlib\n\ntheorem t_{name} (a b : Nat) : a + b = b + a := by\n{_STEPS}\n  omega"


async def send(url: str, connections: int, batch: int, proofs: int) -> tuple[float, Counter[str]]:
    """Return the seconds until all are answered, and a count of each ending: `ok`, a status, or the server's error."""
    ended: Counter[str] = Counter()
    codes = [snippet() for _ in range(proofs)]
    requests = (codes[at : at + batch] for at in range(0, proofs, batch))
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    started = time.perf_counter()
    async with httpx.AsyncClient(base_url=url, timeout=600, limits=limits, trust_env=False) as client:
        await asyncio.gather(*(_keep_sending(client, requests, ended) for _ in range(connections)))
    return time.perf_counter() - started, ended


async def _keep_sending(client: httpx.AsyncClient, requests: Iterator[list[str]], ended: Counter[str]) -> None:
    for codes in requests:
        snippets = [{"id": str(at), "code": code} for at, code in enumerate(codes)]
        answer = await client.post("/api/check", json={"snippets": snippets, "timeout": 60})
        if answer.status_code == 200:
            ended.update(each.get("error") or "ok" for each in answer.json()["results"])
        else:
            ended[str(answer.status_code)] += len(codes)


def main() -> None:
    """Send, and print the result."""
    arguments = argparse.ArgumentParser(prog="python -m tests.bench.check_load")
    arguments.add_argument("--url", required=True)
    for name in ("connections", "batch", "proofs"):
        arguments.add_argument(f"--{name}", type=int, required=True)
    given = arguments.parse_args()
    seconds, ended = asyncio.run(send(given.url, given.connections, given.batch, given.proofs))
    answered = ended.pop("ok", 0)
    print(json.dumps({"proofs_per_s": round(answered / seconds, 1), "not_answered": ended}))


if __name__ == "__main__":
    main()
