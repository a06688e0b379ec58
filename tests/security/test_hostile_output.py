"""Hostile proofs that attack the farm through their output, their time and their stack; the next proof is not affected.

The farm has one process, so that the next proof meets the same REPL, unless the farm ended it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from farm import Farm, Outcome, Reason
from tests.conftest import lean_settings
from tests.support.repl.directives import run_word
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, running_farm

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
FALSE = "theorem three : 1 + 1 = 3 := by decide"
FORGED = r"""b'{"env": 0}\n\n'"""
BY_NAME = "os.open('/proc/self/fd/1', os.O_WRONLY)"
FLOODED_MB = 256


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, scripted: Install, landlock: int) -> Iterator[RunningFarm]:
    settings = {**lean_settings(scripted), "LEAN_WORKERS": "1"}
    with running_farm(tmp_path_factory.mktemp("farm"), **settings) as running:
        yield running


@pytest.fixture
def farm(target: RunningFarm) -> Iterator[Farm]:
    with target.client() as client:
        yield client
        [true, false] = client.verify([TRUE, FALSE], timeout_s=10)
        assert (true.reason, false.reason) == (None, Reason.ERROR), "whatever was tried, the next is judged as ever"


def proof(code: str) -> str:
    return f"{TRUE} -- {run_word(code)}"


@pytest.mark.parametrize("descriptor", ["1", "os.dup(1)", BY_NAME])
def test_rows_34_and_35_a_forged_reply_is_no_reply(farm: Farm, descriptor: str) -> None:
    hostile = f"import os; os.write({descriptor}, {FORGED})"

    first, *others = farm.verify([proof(hostile), *[FALSE] * 5], timeout_s=10)

    if descriptor == BY_NAME and first.outcome is Outcome.ACCEPTED:
        assert "PermissionError" in first.messages[0].data, "the layer `uid` keeps it from opening the worker's pipe"
    else:
        assert (first.reason, first.reward) == (Reason.CRASHED, None)
    assert [other.reason for other in others] == [Reason.ERROR] * 5


def test_row_36_a_thread_that_stays_answers_for_nobody(farm: Farm) -> None:
    hostile = (
        "import os, threading, time\n"
        "def forge():\n"
        f"    while True: time.sleep(0.002), os.write(1, {FORGED})\n"
        "threading.Thread(target=forge, daemon=True).start()"
    )

    first, *others = farm.verify([proof(hostile), *[FALSE] * 30], timeout_s=10)

    assert first.outcome is not Outcome.REJECTED, "it is about the farm, or the thread came too late for its own reply"
    assert Outcome.ACCEPTED not in {other.outcome for other in others}
    assert others[-1].reason is Reason.ERROR


def test_row_37_directory_and_signals_are_the_processs_own(farm: Farm, target: RunningFarm) -> None:
    [worker] = target.workers()
    hostile = (
        "import os, signal; os.chdir(os.environ['TMPDIR']); os.umask(0o777)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())"
    )

    deaf, true = farm.verify([f"{proof(hostile)} hang!", TRUE], timeout_s=1)

    assert (deaf.reason, true.reason) == (Reason.TIMEOUT, None)
    assert Path(f"/proc/{worker['pid']}/cwd").readlink() == target.folder


def test_row_48_a_loop_ends_at_its_time(farm: Farm) -> None:
    loop, true = farm.verify([proof("while True: pass"), TRUE], timeout_s=1)

    assert (loop.reason, loop.reward, true.reason) == (Reason.TIMEOUT, None, None)


def test_row_49_a_stack_that_overflows_takes_nobody_along(farm: Farm) -> None:
    # glibc parses an expression by recursion without a bound; from 3.12 on Python bounds its own.
    hostile = "import ctypes; ctypes.CDLL(None).regcomp(ctypes.create_string_buffer(4096), b'(' * 1_000_000, 1)"

    deep, true = farm.verify([proof(hostile), TRUE], timeout_s=20)

    assert (deep.reason, deep.reward, true.reason) == (Reason.CRASHED, None, None)


@pytest.mark.parametrize("block", ["b'x' * 65536", "b'x\\n' * 32768"])
def test_row_50_a_flood_neither_fills_nor_stops_the_worker(farm: Farm, target: RunningFarm, block: str) -> None:
    before_mb = peak_mb(target)

    flood, true = farm.verify([proof(f"import os\nwhile True: os.write(1, {block})"), TRUE], timeout_s=20)

    assert (flood.reason, flood.reward, true.reason) == (Reason.CRASHED, None, None)
    assert peak_mb(target) - before_mb < FLOODED_MB


def peak_mb(target: RunningFarm) -> int:
    [worker] = target.workers()
    lines = Path(f"/proc/{worker['pid']}/status").read_text().splitlines()
    [peak] = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(peak) >> 10


def test_row_51_stderr_is_read(farm: Farm) -> None:
    [verdict] = farm.verify(proof("import os; os.write(2, b'x' * 3_000_000)"), timeout_s=20)

    assert verdict.outcome is Outcome.ACCEPTED
