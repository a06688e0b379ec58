"""`farm bundle`: what is in a bundle, what it says is missing, and what is refused; test_join.py works from one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from farm.processes import own_module
from tests.support.bundles import bundle_command
from tests.support.repl.install import Install


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, scripted: Install) -> Path:
    """A bundle, in the folder in which it was made."""
    folder = tmp_path_factory.mktemp("bundle")
    run = bundle_command(folder, scripted, "made")
    assert run.returncode == 0, run.stderr
    return folder / "made"


def test_it_holds_what_is_here_and_names_what_is_not(tmp_path: Path, scripted: Install) -> None:
    (tmp_path / "premises").mkdir()
    (tmp_path / "premises" / "rows.jsonl").write_text("{}\n")

    run = bundle_command(tmp_path, scripted, "made", "--json", DATA_REPO="premises")

    manifest = json.loads(run.stdout)
    assert manifest["parts"] == ["wheels", "toolchain", "repl", "corpus"]
    assert manifest["missing"] == {"project": "LEAN_PROJECT_DIR is not set"}
    assert "project: not in the bundle: LEAN_PROJECT_DIR is not set" in run.stderr
    for path in ("toolchain/bin/lake", "repl/.lake/build/bin/repl", "corpus/rows.jsonl"):
        assert (tmp_path / "made" / path).is_file()
    asked_of_pip = next((tmp_path / "made" / "wheels").iterdir()).read_text()
    assert "leanfarm[local" in asked_of_pip
    assert "async-timeout" in asked_of_pip  # what an earlier patch of this Python needs too


def test_a_host_without_lean_says_so_for_each_part(tmp_path: Path, scripted: Install) -> None:
    away = {"LAKE_PATH": "/nowhere/lake", "LEAN_REPL_DIR": "", "DATA_REPO": "owner/premises"}

    run = bundle_command(tmp_path, scripted, "made", "--json", **away)

    manifest = json.loads(run.stdout)
    assert manifest["parts"] == ["wheels"]
    assert {name: why.split()[0] for name, why in manifest["missing"].items()} == {
        "toolchain": "`/nowhere/lake",
        "repl": "LEAN_REPL_DIR",
        "project": "LEAN_PROJECT_DIR",
        "corpus": "DATA_REPO",
    }


def test_a_folder_inside_the_project_is_refused(tmp_path: Path, scripted: Install) -> None:
    (tmp_path / "project").mkdir()
    run = bundle_command(tmp_path, scripted, "project/made", LEAN_PROJECT_DIR=str(tmp_path / "project"))

    assert run.returncode == 1
    assert "lies in the project" in run.stderr
    assert not (tmp_path / "project" / "made").exists()


@pytest.mark.parametrize("setting", ["LEAN_REPL_DIR", "LEAN_PROJECT_DIR"])
def test_a_part_that_is_named_and_not_there_is_told_before_anything_is_fetched(
    tmp_path: Path, scripted: Install, setting: str
) -> None:
    run = bundle_command(tmp_path, scripted, "made", **{setting: "/nowhere"})

    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert f"{setting} (/nowhere) is not a folder" in run.stderr
    assert not (tmp_path / "made").exists()


def test_a_change_is_found(made: Path, scripted: Install) -> None:
    assert bundle_command(made.parent, scripted, "made", "--check").returncode == 0
    lake = made / "toolchain" / "bin" / "lake"
    text = lake.read_text()
    lake.write_text(text.replace("shift", "shiFt"))
    try:
        run = bundle_command(made.parent, scripted, "made", "--check")
    finally:
        lake.write_text(text)

    assert run.returncode == 1
    assert "made is damaged: toolchain/bin/lake" in run.stderr
    assert run.stderr.count("\n") == 1


def test_without_the_wheels_there_is_no_bundle(tmp_path: Path, scripted: Install) -> None:
    (tmp_path / "no-network").touch()

    run = bundle_command(tmp_path, scripted, "made")

    assert run.returncode == 1
    assert "pip could not fetch the wheels" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "made" / "manifest.json").exists()


def test_a_folder_in_use_is_left_alone(made: Path, scripted: Install) -> None:
    before = (made / "manifest.json").read_bytes()

    run = bundle_command(made.parent, scripted, "made")

    assert (run.returncode, (made / "manifest.json").read_bytes()) == (1, before)
    assert "made is not empty: name a new folder" in run.stderr


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_fetched(tmp_path: Path, scripted: Install) -> None:
    (tmp_path / "a-file").touch()

    run = bundle_command(tmp_path, scripted, "a-file/made")

    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert "a-file/made cannot be made a folder: Not a directory" in run.stderr


@pytest.mark.parametrize("command", [["up"], ["join", "http://127.0.0.1:1"]], ids=["up", "join"])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, "is damaged: toolchain/bin/lake differs from the manifest"),
        ({"machine": "pdp11"}, "is a bundle for pdp11, and this host is"),
        (None, "is not a finished bundle"),
    ],
)
def test_a_bundle_that_does_not_fit_starts_nothing(
    made: Path, tmp_path: Path, command: list[str], change: dict[str, str] | None, told: str
) -> None:
    manifest = json.loads((made / "manifest.json").read_text())
    manifest["files"] = {"toolchain/bin/lake": manifest["files"]["toolchain/bin/lake"]}
    if change is not None:
        (tmp_path / "manifest.json").write_text(json.dumps({**manifest, **change}))

    line = own_module("farm", *command, "--bundle", str(tmp_path))
    run = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert run.returncode == 1
    assert told in run.stderr
    assert run.stderr.count("\n") == 1
