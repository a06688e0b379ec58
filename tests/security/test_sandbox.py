"""Every denial and allowance of the sandbox, under the real launcher; and without it, where the attempts succeed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import require
from workers.sandbox import calls, plan, seccomp
from workers.sandbox.attempts.topics import ATTEMPTS, Attempt
from workers.sandbox.kernel import Missing
from workers.sandbox.selftest import Stage, stage

pytestmark = pytest.mark.root

HOSTILE = [attempt for attempt in ATTEMPTS.values() if attempt.expected != "allowed"]
HONEST = [attempt for attempt in ATTEMPTS.values() if attempt.expected == "allowed"]
# SANDBOX=off puts these two limits up as well.
ALWAYS = {"be_given_core_dumps", "gain_privileges_by_executing"}
# CHOWN, DAC_OVERRIDE, KILL, SYS_MODULE, SYS_PTRACE, SYS_PACCT, SYS_ADMIN, SYS_BOOT, SYS_TIME: the kernel looks at no
# argument of what these are for without them.
_FULL = sum(1 << bit for bit in (0, 1, 5, 16, 19, 20, 21, 22, 25))
HEADERS = {"x86_64": ("<asm/unistd_64.h>", []), "aarch64": ("<asm-generic/unistd.h>", ["-D__BITS_PER_LONG=64"])}


@pytest.fixture(scope="module")
def around(landlock: int) -> Iterator[Stage]:
    with stage() as set_up:
        yield set_up


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=lambda attempt: attempt.name)
def test_the_sandbox_holds(around: Stage, attempt: Attempt) -> None:
    if attempt.needs and attempt.needs not in around.layers():
        pytest.skip(f"needs the layer {attempt.needs}: a privileged worker")

    outcome = around.make(attempt)

    assert outcome.is_right, outcome


@pytest.mark.parametrize("attempt", HOSTILE, ids=lambda attempt: attempt.name)
def test_without_the_sandbox_the_attempt_gets_through(attempt: Attempt) -> None:
    """So that no denial above is owed to a wrong path, a missing feature or a file's mode."""
    if plan._capabilities() & _FULL != _FULL:
        pytest.skip("needs root with its capabilities: an ordinary user is denied much of it anyway")
    with stage(sandbox="off") as unprotected:
        outcome = unprotected.make(attempt)

    assert outcome.found != outcome.expected or attempt.name in ALWAYS, outcome


def test_the_layers_are_named_outermost_first(around: Stage, landlock: int) -> None:
    names = around.layers()

    expected = [f"landlock:{landlock}", "seccomp", "rlimits", "no_new_privs", "pdeathsig", "scratch"]
    assert names[:6] == expected
    assert ("uid" in names) == (os.geteuid() == 0)


@pytest.mark.system
def test_bubblewrap_goes_around_it_all(landlock: int) -> None:
    require(shutil.which("bwrap"), "bubblewrap")
    with stage(sandbox="bubblewrap") as wrapped:
        if "Operation not permitted" in (missing := _missing(wrapped)):
            pytest.skip(f"needs namespaces, which are forbidden here: {missing}")
        assert wrapped.layers()[:2] == ["bubblewrap", f"landlock:{landlock}"]
        # A file that is not there is denied in another way: here nothing but what may be read exists.
        assert wrapped.make(ATTEMPTS["read_etc_shadow"]).detail == "ENOENT"
        assert all(wrapped.make(attempt).is_right for attempt in HONEST)


def _missing(around: Stage) -> str:
    try:
        around.layers()
    except Missing as missing:
        return str(missing)
    return ""


@pytest.mark.usefixtures("landlock")
def test_a_program_that_may_be_started_can_be_and_no_other(tmp_path: Path) -> None:
    attempt = "import os, sys; sys.exit(os.waitstatus_to_exitcode(os.system(sys.argv[1])))"

    assert _run(tmp_path, ["/bin/sh", "/bin/true"], attempt, "/bin/true") == 0
    assert _run(tmp_path, ["/bin/sh", "/bin/true"], attempt, "/bin/ls") == 126
    assert _run(tmp_path, [], attempt, "/bin/true") != 0


def _run(folder: Path, programs: list[str], code: str, *arguments: str) -> int:
    """Run Python code in a sandbox that allows some programs; return its exit status."""
    cage = plan.cage(_needs(folder, [Path(program) for program in programs]))
    lake = _written(folder, cage)
    run = subprocess.run([lake, "env", plan.python(), "-IS", "-c", code, *arguments], capture_output=True, check=False)
    return run.returncode


def _needs(folder: Path, programs: list[Path]) -> plan.Needs:
    (folder / "scratch").mkdir(exist_ok=True)
    return plan.Needs(Path(plan.python()), {}, [Path(sys.base_prefix)], programs, folder / "scratch", 8192)


def _written(folder: Path, cage: plan.Cage) -> Path:
    environment = {"PATH": os.defpath}
    written = plan.Plan(
        lake="/bin/false",
        inherited=environment,
        environment=environment,
        address_space_mb=8192,
        cage=cage,
        launcher=plan.launcher(),
        visible=plan.visible(),
    )
    return plan.write(written, folder)


@pytest.mark.usefixtures("landlock")
def test_a_missing_layer_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    """A filter that forbids Landlock, as old container engines have it, around the launcher."""
    lake = _written(tmp_path, plan.cage(_needs(tmp_path, [])))
    forbid = (
        f"import sys, os; sys.path.insert(0, {str(plan.SOURCE)!r})\n"
        "from workers.sandbox import cage, seccomp\n"
        "cage.forbid_new_privileges()\n"
        "import struct\n"
        "program = [(0x20, 0, 0, 0), (0x15, 0, 1, 444), (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000)]\n"
        "seccomp.install(b''.join(struct.pack('HBBI', *each) for each in program))\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    run = subprocess.run([plan.python(), "-c", forbid, lake, "env", "/bin/true"], capture_output=True, check=False)

    assert run.returncode == 125
    assert b"no Landlock (Operation not permitted)" in run.stderr


def test_a_machine_without_a_table_is_refused() -> None:
    with pytest.raises(Missing, match="riscv64"):
        seccomp.assemble("riscv64", 1, fork=False)


@pytest.mark.parametrize("machine", calls.MACHINES)
def test_the_numbers_are_the_kernels_own(machine: str) -> None:
    header, options = HEADERS[machine]
    wanted = ["-D__ARCH_WANT_RENAMEAT", "-D__ARCH_WANT_NEW_STAT", "-D__ARCH_WANT_SET_GET_RLIMIT"]
    command = ["cc", "-E", "-dM", *options, *wanted, "-"]
    try:
        found = subprocess.run(command, input=f"#include {header}\n", capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"needs a C compiler and {header}")
    macros = dict(re.findall(r"#define (__NR\w+) (\S+)", found))
    known: dict[str, int] = {}
    for text in (calls.ALLOWED, calls.FILTERED, calls.REFUSED, calls.HOSTILE):
        for name, number in calls.numbers(text, machine).items():
            assert name not in known, f"{name} stands in two texts"
            known[name] = number
            kernels = macros.get(f"__NR_{name}", "")
            kernels = macros.get(kernels, kernels)
            assert kernels in (str(number), ""), name
            assert kernels or number >= 424, f"{name} is not in {header}, and not too new for it"


def test_every_filter_is_a_program_the_kernel_takes() -> None:
    for machine in calls.MACHINES:
        for fork in (False, True):
            program = seccomp.assemble(machine, 7, fork=fork)
            assert 0 < len(program) // 8 <= 4096


def test_the_launcher_imports_little() -> None:
    """It is on the path of every start: each of these would cost milliseconds."""
    code = f"import sys; sys.path.insert(0, {str(plan.SOURCE)!r}); import workers.lean.launcher; print(*sys.modules)"
    command = [plan.python(), "-IS", "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    assert {"json", "re", "pathlib", "typing", "enum", "dataclasses", "collections", "subprocess"} & {*loaded} == set()


def test_doctor_shows_every_attempt_and_fails_when_a_layer_is_missing(around: Stage) -> None:
    command = [sys.executable, "-m", "farm", "doctor", "--sandbox", "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    report = json.loads(run.stdout)

    made = {each["attempt"] for each in report["outcomes"]}
    assert {ATTEMPTS[name].needs for name in set(ATTEMPTS) - made} <= {"uid"}
    assert report["layers"] == around.layers()
    assert [each for each in report["outcomes"] if each["found"] != each["expected"]] == []
    assert run.returncode == 0

    nowhere = {**os.environ, "SANDBOX": "bubblewrap", "PATH": "/nowhere"}
    run = subprocess.run(command, env=nowhere, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "bubblewrap is not installed" in json.loads(run.stdout)["notice"]
