"""A worker whose side thread failed must not go on half-alive."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import time
from workers.vital import VitalThread
class Failing(VitalThread):
    def work(self):
        raise ValueError("broken")
Failing("failing").start()
time.sleep(30)
"""


def test_a_failed_thread_ends_the_process() -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=20, check=False)

    assert run.returncode == 70
    assert "failing" in run.stdout + run.stderr
