"""What tells one process from the next of its number."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from farm.processes import is_identity_alive, process_identity


def test_an_identity_stays_while_the_wall_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    before = process_identity(os.getpid())

    # What the kernel says once the clock was set by an hour.
    boot_time = psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot_time + 3600)

    assert process_identity(os.getpid()) == before
    assert is_identity_alive(before)


def test_an_identity_ends_with_its_process() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        identity = process_identity(process.pid)
        assert identity.startswith(f"{process.pid}.")
        assert is_identity_alive(identity)
        process.kill()
    assert not is_identity_alive(identity)
    assert not is_identity_alive(f"{os.getpid()}.1"), "the number alone is not the process"
