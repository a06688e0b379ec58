"""comparator, leanchecker and nanoda by name: stand-ins that require the arguments and files of the real programs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm import Outcome, Reason
from farm.checker_names import known_checkers
from farm.errors import ConfigurationError
from farm.models import Level, Proof
from tests.conftest import lean_settings
from tests.support.checkers import install_toolchain, wrap_lake
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, running_farm, sandbox_settings
from workers.lean.checkers.kernels import Kernels, Tools
from workers.lean.checkers.process import CheckerFailed

STATEMENT = "theorem two : 1 + 1 = 2"
ALL = ("comparator", "leanchecker", "nanoda")
SHELL = os.path.realpath("/bin/sh")


def tools(toolchain: Path, folder: Path, names: tuple[str, ...] = ALL) -> Tools:
    programs = {path.name: str(path) for path in (toolchain / "bin").iterdir()}
    return Tools(names, (), SHELL, folder, programs, "v4.35.0")


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernels:
    monkeypatch.setenv("LEAN_PATH", "/lean/lib")
    handed = tmp_path / "handed"
    handed.mkdir()
    return Kernels(tools(install_toolchain(tmp_path / "toolchain"), handed), timeout_s=20.0)


def proof(deed: str = "", statement: str = STATEMENT) -> Proof:
    return Proof(code=f"by rfl  -- {deed}" if deed else "by rfl", statement=statement)


@pytest.mark.parametrize(
    "statement",
    [
        STATEMENT,
        "open Nat\nnamespace A\ntheorem two : 1 + 1 = 2 := by sorry",
        "import Lean\nvariable (a : Nat)\n\ntheorem two : a = a :=\n",
    ],
)
def test_what_all_accept_is_accepted(kernels: Kernels, tmp_path: Path, statement: str) -> None:
    said = kernels.check(proof(statement=statement), {})

    assert (said.answer, said.detail) == ("accepted", "")
    assert said.version == "comparator v4.35.0 + leanchecker v4.35.0 + nanoda 0.4.11"
    assert [each["version"].split()[0] for each in said.evidence()["checkers"]] == list(ALL)
    assert not list((tmp_path / "handed").iterdir()), "nothing of it is left"


def test_a_hole_is_named_as_a_definition(kernels: Kernels) -> None:
    statement = "abbrev answer : Nat := sorry\n\ntheorem two : 1 + 1 = answer := by sorry\n"
    code = "abbrev answer : Nat := 2\n\ntheorem two : 1 + 1 = answer := by rfl\n"

    assert kernels.check(Proof(code=code, statement=statement), {}).answer == "accepted"


@pytest.mark.parametrize(
    ("deed", "answers", "why"),
    [
        ("other-statement", ["rejected", "accepted", "accepted"], "do not match"),
        ("bad-kernel", ["accepted", "rejected", "accepted"], "declaration type mismatch"),
        ("panic", ["accepted", "accepted", "rejected"], "panicked"),
        ("other-statement panic", ["rejected", "accepted", "rejected"], "do not match"),
        # What is no judgment about the proof must not become one.
        ("old-list", ["failed", "accepted", "accepted"], "Nat.powMod"),
        ("cannot-run", ["failed", "accepted", "accepted"], "status 2"),
        ("killed", ["failed", "accepted", "accepted"], "137"),
        ("silent", ["failed", "accepted", "accepted"], "printed nothing"),
        ("declined", ["accepted", "accepted", "failed"], "status 2"),
        ("declined bad-kernel", ["accepted", "rejected", "failed"], "declaration type mismatch"),
        ("uncompilable", [], "could not be compiled"),
        ("unexportable", [], "could not be exported"),
        ("flood", [], "could not be exported"),
    ],
)
def test_one_that_does_not_accept_decides(kernels: Kernels, deed: str, answers: list[str], why: str) -> None:
    said = kernels.check(proof(deed), {})

    assert [each.answer for each in said.each] == answers
    assert said.answer == ("rejected" if "rejected" in answers else "failed")
    assert why in said.detail


def test_all_of_them_have_one_time(tmp_path: Path) -> None:
    kernels = Kernels(tools(install_toolchain(tmp_path / "toolchain"), tmp_path), timeout_s=2.0)

    said = kernels.check(proof("hang"), {})

    assert said.answer == "failed"
    assert "CHECKER_TIMEOUT_S" in said.detail


@pytest.mark.parametrize("missing", ["lean", "leanexport", "lake", "leanchecker", "nanoda_bin"])
def test_without_one_of_their_programs_there_is_no_checker(tmp_path: Path, missing: str) -> None:
    with pytest.raises(CheckerFailed, match=f"needs `{missing}`, which is missing \\(Lean 4.35"):
        Kernels(tools(install_toolchain(tmp_path / "toolchain", without=missing), tmp_path), timeout_s=5.0)


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("comparator", ("comparator",)),
        ("comparator, nanoda", ("comparator", "nanoda")),
        ("nanoda,leanchecker", ("comparator", "nanoda", "leanchecker")),
        ("nanoda", ("comparator", "nanoda")),
        ("/opt/nanoda", ()),
        ("judge --with a,b", ()),
        ("", ()),
    ],
)
def test_a_list_names_checkers_and_all_else_is_a_command(command: str, names: tuple[str, ...]) -> None:
    assert known_checkers(command) == names


def test_a_list_with_a_stranger_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'lean4lean' is not one of"):
        known_checkers("comparator,lean4lean")


def test_a_farm_with_an_older_toolchain_goes_on_without(tmp_path: Path, scripted: Install) -> None:
    lake = wrap_lake(scripted.lake_path, install_toolchain(tmp_path / "toolchain", without="leanexport"), tmp_path)
    settings = {**lean_settings(scripted), "LAKE_PATH": str(lake), "CHECKER_COMMAND": "comparator"}
    with running_farm(tmp_path / "farm", **settings) as running, running.client() as client:
        [checked] = client.verify(proof(), level="checked")
        [attested] = client.verify(proof(), level="attested")

    assert checked.level is Level.CHECKED
    assert (attested.reason, attested.reward) == (Reason.FARM_ERROR, None)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, scripted: Install) -> Iterator[RunningFarm]:
    folder = tmp_path_factory.mktemp("judged")
    toolchain = install_toolchain(folder / "toolchain")
    settings = {**lean_settings(scripted)}
    settings |= {"LAKE_PATH": str(wrap_lake(Path(settings["LAKE_PATH"]), toolchain, folder))}
    settings |= {"CHECKER_COMMAND": "comparator,leanchecker,nanoda", "CHECKER_TIMEOUT_S": "60"}
    with running_farm(folder / "farm", **settings) as running:
        yield running


def test_a_whole_farm_asks_them_in_its_sandbox(judged: RunningFarm) -> None:
    # Without Landlock a submission may do what the worker may.
    deeds = ["", "panic", "cannot-run", *([] if sandbox_settings() else ["overwrite"])]
    with judged.client() as client:
        proofs = [proof(deed).model_copy(update={"id": deed or "good"}) for deed in deeds]
        found = {each.id: each for each in client.submit(proofs, level="attested").wait()}
    doctor = {each["subject"]: each for each in json.loads(judged.command("doctor", "--json").stdout)}

    assert (found["good"].outcome, found["good"].level) == (Outcome.ACCEPTED, Level.ATTESTED), found["good"]
    assert [each["answer"] for each in found["good"].evidence.checkers] == ["accepted"] * 3
    assert {each.level for name, each in found.items() if name == "overwrite"} <= {Level.ATTESTED}
    assert doctor["checker"]["state"] == "ok", doctor["checker"]
    assert found["panic"].reason is Reason.ERROR
    assert [each["answer"] for each in found["panic"].evidence.checkers] == ["accepted", "accepted", "rejected"]
    assert (found["cannot-run"].reason, found["cannot-run"].reward) == (Reason.FARM_ERROR, None)
