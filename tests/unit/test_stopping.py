"""The stop flag, while processes are killed as they read it."""

from __future__ import annotations

import subprocess
import sys

_SCRIPT = """
import os, signal, time
from workers.stopping import StopFlag

flag = StopFlag()
for _ in range(30):
    child = os.fork()
    if child == 0:
        while True:
            flag.is_set()
    time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
assert not flag.is_set()
flag.set()
child = os.fork()
if child == 0:
    os._exit(0 if flag.is_set() else 1)
assert os.waitpid(child, 0)[1] == 0
"""


def test_readers_that_are_killed_leave_the_flag_readable() -> None:
    subprocess.run([sys.executable, "-c", _SCRIPT], check=True, timeout=30)
