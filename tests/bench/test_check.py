"""`POST /api/check` at concurrency 1, the farm beside Kimina Lean Server in one run, on an instant REPL.

Needs $PEERS_DIR (tests/compat/kimina_peer.py) and INSTANT_REPL, a folder with a `lake` and a REPL that answers at once.
Says nothing about Lean.
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

import httpx
import pytest

from tests.compat.kimina_peer import kimina_folder, running_kimina
from tests.support.repl.install import Install
from tests.support.running import running_farm

ROUNDS = 5
REQUESTS = 40


def _median_ms(client: httpx.Client, url: str, start: int) -> float:
    taken = []
    for at in range(start, start + REQUESTS):
        code = f"import Mathlib\n\ntheorem t{at} : 1 = 1 := rfl"
        started = time.perf_counter()
        answer = client.post(f"{url}/api/check", json={"snippets": [{"id": "a", "code": code}], "timeout": 30})
        taken.append(1000 * (time.perf_counter() - started))
        assert "response" in answer.json()["results"][0], answer.text
    return statistics.median(taken)


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_latency_of_a_check(tmp_path: Path) -> None:
    source, instant = kimina_folder(), os.environ.get("INSTANT_REPL")
    if source is None or instant is None:
        pytest.skip("needs kimina-lean-server in $PEERS_DIR and an instant REPL in $INSTANT_REPL")
    repl = Install(Path(instant) / "lake", Path(instant))
    settings = {"LAKE_PATH": str(repl.lake_path), "LEAN_REPL_DIR": str(repl.repl_dir), "VERDICT_CACHE_MB": "0"}
    with (
        running_kimina(source, tmp_path / "kimina", repl, LOG_LEVEL="ERROR") as peer,
        running_farm(tmp_path / "farm", **settings) as farm,
        httpx.Client(timeout=30) as client,
    ):
        pairs = [  # in turn, so that both meet the same noise; the first round warms up
            [_median_ms(client, url, at * REQUESTS) for url in (peer, farm.url)] for at in range(ROUNDS + 1)
        ][1:]
    theirs, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratios = sorted(peer / own for peer, own in pairs)
    print(f"\n| {theirs:.1f} | {ours:.1f} | {statistics.median(ratios):.1f} ({ratios[0]:.1f}–{ratios[-1]:.1f}) |")
