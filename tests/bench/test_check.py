"""`POST /api/check` of Kimina Lean Server and of the farm in one run, with the same REPL stand-in and the same load.

    PEERS_DIR=… .venv/bin/python -m pytest tests/bench/test_check.py -m bench -s   # peer: tests/compat/kimina_peer.py

The load is one program (`tests/bench/check_load.py`), and no text comes twice. The REPL is a C program that answers at
once or sleeps (`tests/bench/stand_in.py`): this says nothing about Lean.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

from tests.bench.stand_in import build
from tests.compat.kimina_peer import kimina_folder, running_kimina
from tests.support.repl.install import Install
from tests.support.running import running_farm

ROUNDS = 3
REQUESTS = 40
_ROOT = Path(__file__).resolve().parents[2]
# REPLs, ms that each sleeps per proof, connections, proofs per request, proofs.
_CELLS = [(2, 50, 8, 8, 256), (32, 50, 32, 8, 2048), (2, 0, 16, 64, 1024)]


@contextmanager
def servers(folder: Path, repl: Install, processes: int) -> Iterator[dict[str, str]]:
    """Yield the URLs of Kimina with its default logging, Kimina quiet, and the farm."""
    source = kimina_folder()
    if source is None:
        pytest.skip("needs kimina-lean-server in $PEERS_DIR, see tests/compat/kimina_peer.py")
    settings = {"LAKE_PATH": str(repl.lake_path), "LEAN_REPL_DIR": str(repl.repl_dir), "LEAN_WORKERS": str(processes)}
    # Every round sends the same texts.
    settings |= {"VERDICT_CACHE_MB": "0"}
    # It answers 429 after a minute; under its default logging a round takes longer.
    own = {"MAX_REPLS": str(processes), "MAX_WAIT": "900"}
    # Outside production it prints every text in colours, at any log level.
    no_logs = {"LOG_LEVEL": "ERROR", "ENVIRONMENT": "prod"}
    with ExitStack() as stack:
        default = stack.enter_context(running_kimina(source, folder / "default", repl, **own))
        quiet = stack.enter_context(running_kimina(source, folder / "quiet", repl, **no_logs, **own))
        farm = stack.enter_context(running_farm(folder / "farm", **settings))
        yield {"Kimina, default logging": default, "Kimina, quiet": quiet, "farm": farm.url}


@contextmanager
def resting(peers: list[psutil.Process]) -> Iterator[None]:
    """Hold servers that are not measured: an idle Kimina reads all of /proc for each of its REPLs every second."""
    for peer in peers:
        peer.suspend()
    try:
        yield
    finally:
        for peer in peers:
            peer.resume()


def peers_but(url: str, urls: dict[str, str]) -> list[psutil.Process]:
    """Return the processes of the Kimina servers behind all URLs but this one."""
    ports = {int(each.rpartition(":")[2]) for name, each in urls.items() if each != url and name != "farm"}
    listening = [each for each in psutil.net_connections("tcp4") if each.status == psutil.CONN_LISTEN]
    return [psutil.Process(each.pid) for each in listening if each.pid and each.laddr and each.laddr.port in ports]


def measured(urls: dict[str, str], measure: Callable[[str], float]) -> dict[str, float]:
    """Return the measurement of each server, with the others at rest."""
    found = {}
    for name, url in urls.items():
        with resting(peers_but(url, urls)):
            found[name] = measure(url)
    return found


def proofs_per_s(url: str, connections: int, batch: int, proofs: int) -> float:
    """Return the rate that the load program measures; every proof must have been answered."""
    arguments = ["--url", url, "--connections", connections, "--batch", batch, "--proofs", proofs]
    command = [sys.executable, "-m", "tests.bench.check_load", *map(str, arguments)]
    found = json.loads(subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True).stdout)
    assert not found["not_answered"], found
    return float(found["proofs_per_s"])


@pytest.mark.bench
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("processes", "sleep_ms", "connections", "batch", "proofs"), _CELLS)
def test_proofs_per_second(
    tmp_path: Path, processes: int, sleep_ms: int, connections: int, batch: int, proofs: int
) -> None:
    repl = build(tmp_path / "repl", FAKE_SLEEP_MS=str(sleep_ms))
    with servers(tmp_path, repl, processes) as urls:
        measured(urls, lambda url: proofs_per_s(url, connections, batch, 4 * processes * batch))
        # In turn, so that all meet the same noise.
        rounds = [measured(urls, lambda url: proofs_per_s(url, connections, batch, proofs)) for _ in range(ROUNDS)]
    cells = " | ".join(f"{statistics.median(each[name] for each in rounds):.0f}" for name in urls)
    ideal = f"{1000 * processes / sleep_ms:.0f}" if sleep_ms else "–"
    ratio = statistics.median(each["farm"] / each["Kimina, quiet"] for each in rounds)
    print(f"\n| {processes} × {sleep_ms} ms | {connections} × {batch} | {ideal} | {cells} | {ratio:.2f} |")


def _median_ms(client: httpx.Client, start: int, url: str) -> float:
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
    with servers(tmp_path, build(tmp_path / "repl"), 2) as urls, httpx.Client(timeout=30) as client:
        starts = [at * REQUESTS for at in range(ROUNDS + 1)]
        rounds = [measured(urls, partial(_median_ms, client, start)) for start in starts][1:]  # the first warms up
    cells = " | ".join(f"{statistics.median(each[name] for each in rounds):.1f}" for name in urls)
    ratio = statistics.median(each["Kimina, quiet"] / each["farm"] for each in rounds)
    print(f"\n| {cells} | {ratio:.1f} |")
