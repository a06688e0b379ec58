"""The short form of `make chaos`: each fault once in the middle of a batch, on one farm."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.campaign import Plan, run
from tests.chaos.faults import CLOCK, FAULTS
from tests.chaos.victim import can_mount
from tests.support.repl.install import Install

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

# Only `make chaos` has it; in the suite tests/integration/test_deaths.py stops a worker for longer than its lease.
_SLOW = {"SIGSTOP past the lease"}


@pytest.mark.root
def test_every_fault_leaves_every_verdict_once_and_as_on_a_calm_day(
    tmp_path: Path, scripted: Install, seed: int, subtests: pytest.Subtests
) -> None:
    faults = [fault for fault in FAULTS if fault.name not in _SLOW]
    has_disk = can_mount()

    report = run(tmp_path, scripted, Plan(seed, 120, 20, faults, together=0), print, small_disk=has_disk)

    for name, tally in report.rows:
        with subtests.test(name):
            assert tally.is_whole, tally
    with subtests.test("a small disk"):
        if not has_disk:
            pytest.skip("needs root, to mount a small disk")


@pytest.mark.system
def test_a_clock_that_jumps_changes_no_verdict(tmp_path: Path, scripted: Install, seed: int, libfaketime: Path) -> None:
    report = run(tmp_path, scripted, Plan(seed, 120, 20, [CLOCK], together=0), print, clock=libfaketime)

    assert not report.failures()
