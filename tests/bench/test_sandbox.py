"""What the sandbox costs: at a REPL's start, and on each command's way through its pipes."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from workers.sandbox import plan

pytestmark = pytest.mark.bench

STARTS = 60
ROUND_TRIPS = 2000
_ENDS_AT_ONCE, _ECHOES = "/bin/true", "/bin/cat"


def launcher(folder: Path, program: str, sandbox: str) -> list[str]:
    """Return the command that starts a program as the farm starts a REPL."""
    folder.mkdir()
    (folder / "scratch").mkdir()
    environment = {"PATH": os.defpath}
    needs = plan.Needs(Path(program), environment, [], [], folder / "scratch", 8192, sandbox == "bubblewrap")
    written = plan.Plan(
        lake="/bin/false",
        inherited=environment,
        environment=environment,
        address_space_mb=8192,
        cage=None if sandbox == "off" else plan.cage(needs),
        launcher=plan.launcher(),
        visible=plan.visible(),
    )
    return [str(plan.write(written, folder)), "env", program]


def start_ms(command: Sequence[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True)
    return (time.perf_counter() - started) * 1000


def round_trip_us(command: Sequence[str]) -> float:
    """Return the median time a line takes to a process that echoes it, and back."""
    times = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin
        assert process.stdout
        for _ in range(ROUND_TRIPS):
            started = time.perf_counter()
            process.stdin.write(b"command\n")
            assert process.stdout.readline() == b"command\n"
            times.append((time.perf_counter() - started) * 1e6)
        process.stdin.close()
    return statistics.median(times)


def test_the_sandbox_costs_a_start_little_and_a_command_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ways = {
        "none": [_ENDS_AT_ONCE],
        "bare Python": [plan.python(), "-IS", "-c", "pass"],
        "launcher, SANDBOX=off": launcher(tmp_path / "off", _ENDS_AT_ONCE, "off"),
        "launcher, SANDBOX=required": launcher(tmp_path / "required", _ENDS_AT_ONCE, "required"),
    }
    # In turn, so that the machine's other work affects all of them.
    starts: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(STARTS):
        for name, command in ways.items():
            starts[name].append(start_ms(command))
    open_echo, closed_echo = [_ECHOES], launcher(tmp_path / "echo", _ECHOES, "required")
    pairs = [(round_trip_us(open_echo), round_trip_us(closed_echo)) for _ in range(5)]

    ratio = statistics.median(closed / opened for opened, closed in pairs)
    with capsys.disabled():
        print("\n| start | median ms | smallest ms |\n| --- | --- | --- |")
        for name, times in starts.items():
            print(f"| {name} | {statistics.median(times):.1f} | {min(times):.1f} |")
        print("\n| command's round trip | without, µs | within, µs | ratio |\n| --- | --- | --- | --- |")
        shown = (statistics.median(column) for column in zip(*pairs, strict=True))
        print("| median of 5 × 2000 | " + " | ".join(f"{value:.1f}" for value in shown) + f" | {ratio:.2f} |")
