"""How a process is told from a later one with the same id."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys

import psutil
import pytest

from farm.processes import end_session, is_identity_alive, process_identity, tree, tree_cpu_s, tree_memory_mb
from tests.support.running import await_true


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


def test_a_zombie_has_ended() -> None:
    with subprocess.Popen(["true"]) as process:
        identity = process_identity(process.pid)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

        assert process_identity(process.pid) == identity, "it still has its number"
        assert not is_identity_alive(identity)


@pytest.mark.parametrize("lists_children", [True, False])
def test_a_tree_is_whole_while_the_wall_clock_is_set(monkeypatch: pytest.MonkeyPatch, lists_children: bool) -> None:
    monkeypatch.setattr("farm.processes._lists_children", lambda: lists_children)
    boot_time, set_back = psutil.boot_time(), itertools.count()
    # Each look at a process sees a clock that was set back by another second.
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot_time - next(set_back))

    with subprocess.Popen(["sh", "-c", "sleep 60 & wait"], start_new_session=True) as process:
        await_true(lambda: len(tree(process.pid)) == 2, "a shell with a child")
        end_session(process.pid)


def test_how_a_child_ended_is_left_to_who_started_it() -> None:
    for _ in range(20):
        # The kernel closes what an ending process has open before it can be waited for; this one is met at any point.
        program = "import os, signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL); os.close(1); os.kill(0, 25)"
        with subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True
        ) as process:
            assert process.stdout
            process.stdout.read()
            end_session(process.pid)
            assert process.wait(10) in (-signal.SIGXFSZ, -signal.SIGKILL)


@pytest.mark.parametrize("lists_children", [True, False])
def test_a_tree_has_children_of_children_and_of_threads(monkeypatch: pytest.MonkeyPatch, lists_children: bool) -> None:
    if not lists_children:
        monkeypatch.setattr("farm.processes._lists_children", lambda: False)
    program = """
import subprocess, sys, threading
sum(range(10_000_000))  # the kernel counts CPU time by ticks of ten milliseconds
def start(): subprocess.Popen(["sh", "-c", "sleep 60 & wait"]).wait()
threading.Thread(target=start).start()
start()
"""
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as process:
        await_true(lambda: len(tree(process.pid)) == 5, "two shells with a child each")
        assert tree(process.pid)[0] == process.pid
        assert tree_memory_mb(process.pid) > 5
        assert tree_cpu_s(process.pid) > 0
        for member in tree(process.pid):
            os.kill(member, signal.SIGKILL)
    assert tree_memory_mb(process.pid) == 0
    assert tree_cpu_s(process.pid) == 0
