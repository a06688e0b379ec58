"""The systemd units for bare hosts: systemd accepts them, and they give the same farm as Compose."""

from __future__ import annotations

import configparser
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from farm.settings import Settings
from tests.conftest import require

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
PYTHON = "/opt/leanfarm/bin/python"
# What is no setting of ours.
_LIBRARIES = {"PYTHONUNBUFFERED", "HF_HOME"}


def service(unit: Path) -> configparser.SectionProxy:
    """Return the section of a unit that says what runs; of a key that stands twice, the last."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(unit)
    return parser["Service"]


def part(unit: Path) -> str:
    """Return what a unit runs, as Compose names it."""
    return unit.stem.removeprefix("leanfarm-").rstrip("@")


def test_every_part_of_the_farm_has_a_unit() -> None:
    assert {part(unit) for unit in UNITS} == {"api", "reaper", "lean", "embed", "premises"}


@pytest.mark.system
@pytest.mark.parametrize("unit", UNITS, ids=part)
def test_systemd_takes_a_unit(unit: Path, tmp_path: Path) -> None:
    require(shutil.which("systemd-analyze"), "systemd-analyze (Debian's systemd)")
    # It looks for the program; ours is where an operator puts it.
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace(PYTHON, sys.executable))
    run = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)

    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=part)
def test_a_unit_runs_what_compose_runs(unit: Path) -> None:
    there = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"][part(unit)]
    program, _, module = service(unit)["ExecStart"].partition(" -m ")

    assert program == PYTHON
    assert importlib.util.find_spec(module)
    assert there.get("command", ["python", "-m", module]) == ["python", "-m", module]
    if "stop_grace_period" in there:
        assert service(unit)["TimeoutStopSec"] + "s" == there["stop_grace_period"]


@pytest.mark.parametrize("unit", UNITS, ids=part)
def test_a_unit_is_unprivileged_and_sets_only_settings(unit: Path) -> None:
    lines = re.findall(r"^Environment=(.*)", unit.read_text(), re.MULTILINE)
    given = {word.partition("=")[0] for line in lines for word in line.split()}

    assert given - _LIBRARIES <= {name.upper() for name in Settings.model_fields}
    assert service(unit)["User"] == "leanfarm"
    assert service(unit)["NoNewPrivileges"] == "yes"
    assert service(unit)["CapabilityBoundingSet"] == ""
    assert service(unit)["ProtectSystem"] == "strict"


@pytest.mark.parametrize("unit", UNITS, ids=part)
def test_a_unit_that_ends_or_stands_still_is_started_again(unit: Path) -> None:
    assert service(unit)["Restart"] == "always"
    # What it tells systemd there is a test of its own: tests/unit/test_signs_of_processes.py.
    assert service(unit)["NotifyAccess"] == "main"
