"""`make chaos`: the whole suite for one seed or many; prints the result of every fault as a table in Markdown."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.chaos.campaign import Plan, Report, run, table
from tests.chaos.faults import CLOCK
from tests.chaos.victim import can_mount, faketime
from tests.support.repl.install import install


def main() -> None:
    """Run; exit 0 only if nothing was lost, doubled or changed."""
    arguments = argparse.ArgumentParser(prog="python -m tests.chaos")
    arguments.add_argument("--seed", type=int, help="the first seed; random when absent")
    arguments.add_argument("--seeds", type=int, default=1, help="how many seeds")
    arguments.add_argument("--jobs", type=int, default=1, help="how many seeds at a time")
    given = arguments.parse_args()
    first = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    with ThreadPoolExecutor(given.jobs) as pool:
        reports = [report for both in pool.map(_reports, range(first, first + given.seeds)) for report in both]
    failures = [failure for report in reports for failure in report.failures()]
    print(f"\n{given.seeds} seeds from {first} on (make chaos SEEDS={given.seeds} SEED={first})\n")
    print(table(reports), *failures, sep="\n")
    sys.exit(1 if failures else 0)


def _reports(seed: int) -> list[Report]:
    """Put a farm through every fault, and, if libfaketime is installed, another one through jumps of the clock."""
    print(f"{seed} begins (make chaos SEED={seed})", flush=True)
    started = time.monotonic()

    def tell(line: str) -> None:
        print(f"{seed} {line}", flush=True)

    with tempfile.TemporaryDirectory(prefix="leanfarm-chaos-") as name:
        folder = Path(name)
        repl = install(folder / "repl")
        reports = [run(folder / "farm", repl, Plan(seed), tell, small_disk=can_mount())]
        if clock := faketime():
            reports.append(run(folder / "clocked", repl, Plan(seed, faults=[CLOCK], together=0), tell, clock=clock))
    word = "whole" if all(report.is_whole for report in reports) else "BROKEN"
    print(f"{seed} {word} after {time.monotonic() - started:.0f} s", flush=True)
    return reports


if __name__ == "__main__":
    main()
