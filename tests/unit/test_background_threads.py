"""A worker whose side thread failed or got stuck must not go on half-alive."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FAILING = """
import time
from workers.background_threads import BackgroundThread
class Failing(BackgroundThread):
    def work(self):
        raise ValueError("broken")
Failing("failing").start()
time.sleep(30)
"""
STUCK = """
import os, pathlib, sys, time
from workers.background_threads import Pulse, BackgroundThread
class Stuck(BackgroundThread):
    def work(self):
        time.sleep(30)
Stuck("stuck", silence_s=0.5).start()
Pulse(pathlib.Path(sys.argv[1]), "embed", os.getppid()).start()
time.sleep(30)
"""
UNMADE = """
from workers.background_threads import or_end
or_end(lambda: 1 / 0)()
"""


@pytest.mark.parametrize(
    ("program", "named"),
    [(FAILING, "failing"), (STUCK, "Threads are stuck: stuck"), (UNMADE, "process.not_started")],
)
def test_a_thread_that_failed_or_is_stuck_or_a_start_that_failed_ends_the_process(
    program: str, named: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", program, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)

    assert run.returncode == 70
    assert named in run.stdout + run.stderr
