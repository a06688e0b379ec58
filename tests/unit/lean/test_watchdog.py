"""The watchdog, over real processes in sessions of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from workers.lean.watchdog import Interruption, Watchdog

# Says when it has what it was asked for, and then lasts.
HOARDER = "import sys; block = bytearray(int(sys.argv[1]) << 20); print(flush=True); sys.stdin.read()"
ROOMY_MB = 10_000


def start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", program, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process


@pytest.fixture
def repl() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lasts until it is killed."""
    with start(HOARDER, "1") as process:
        yield process
        process.kill()


def watchdog(limit_mb: float = ROOMY_MB, *, stopping: bool = False) -> Watchdog:
    made = Watchdog(limit_mb, lambda: stopping, stop_grace_s=0)
    made.start()
    return made


def test_a_run_within_its_bounds_is_left_alone(repl: subprocess.Popen[bytes]) -> None:
    dog = watchdog()
    for _ in range(100):
        dog.begin(repl.pid, 60)
        assert dog.end() is None

    assert repl.poll() is None


def test_a_run_that_overstays_its_deadline_is_ended(repl: subprocess.Popen[bytes]) -> None:
    dog = watchdog()
    # Below the grace that a run has after its own timeout.
    dog.begin(repl.pid, -1.9)

    repl.wait(20)
    assert dog.end() is Interruption.DEADLINE


def test_a_run_has_some_grace_to_keep_its_own_timeout(repl: subprocess.Popen[bytes]) -> None:
    dog = Watchdog(ROOMY_MB, lambda: False)
    dog.begin(repl.pid, 0)

    assert dog._look(dog._watched) is None


@pytest.mark.parametrize("is_child", [False, True])
def test_a_run_that_eats_too_much_memory_is_ended(is_child: bool) -> None:
    inner = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOARDER!r}, '300'])"
    with start(inner) if is_child else start(HOARDER, "300") as repl:
        dog = watchdog(150)
        dog.begin(repl.pid, 60)

        repl.wait(20)
        assert dog.end() is Interruption.MEMORY


def test_a_run_is_ended_when_the_process_is_to_stop(repl: subprocess.Popen[bytes]) -> None:
    dog = watchdog(stopping=True)
    dog.begin(repl.pid, 60)

    repl.wait(20)
    assert dog.end() is Interruption.STOPPING


def test_the_first_interruption_is_the_one_that_counts(repl: subprocess.Popen[bytes]) -> None:
    dog = Watchdog(ROOMY_MB, lambda: False)
    dog.begin(repl.pid, 60)
    dog.interrupt(Interruption.CANCELLED)
    dog.interrupt(Interruption.LEASE_LOST)

    repl.wait(20)
    assert dog.end() is Interruption.CANCELLED
    assert dog.end() is None, "it is told once"


def test_nobody_is_killed_between_runs(repl: subprocess.Popen[bytes]) -> None:
    dog = Watchdog(ROOMY_MB, lambda: False)
    dog.begin(repl.pid, 60)
    assert dog.running_s() >= 0
    dog.end()

    dog.interrupt(Interruption.CANCELLED)

    assert repl.poll() is None
    assert dog.running_s() == 0
    dog.begin(repl.pid, 60)
    assert dog.end() is None, "an interruption is for the run that was meant, not for the next"


def test_a_run_whose_repl_just_died_has_nobody_to_kill(repl: subprocess.Popen[bytes]) -> None:
    dog = watchdog()
    dog.begin(None, 60)
    dog.interrupt(Interruption.CANCELLED)

    assert dog.end() is Interruption.CANCELLED
    assert repl.poll() is None


def test_what_was_measured_on_one_run_does_not_end_the_next(repl: subprocess.Popen[bytes]) -> None:
    """Measuring takes a while, and the first run may end meanwhile."""
    dog = Watchdog(ROOMY_MB, lambda: False)
    dog.begin(repl.pid, 60)
    measured = dog._watched
    dog.end()
    dog.begin(repl.pid, 60)

    dog.interrupt(Interruption.MEMORY, only=measured)

    assert dog.end() is None
    assert repl.poll() is None
