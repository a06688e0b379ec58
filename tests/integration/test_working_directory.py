"""A farm that is started in a folder with a user's Python files runs its own code, and none of these files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from farm import Outcome
from tests.conftest import lean_settings
from tests.support.repl.install import Install
from tests.support.running import running_farm

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
# Names of the farm's own packages, of its libraries, of the standard library, and files that libraries look for.
PACKAGES = ("api", "farm", "workers")
MODULES = ("redis", "celery", "kombu", "billiard", "flower", "httpx", "structlog", "types", "json", "typing")
FOUND_BY_NAME = ("celeryconfig", "flowerconfig", "sitecustomize")
# What has Celery's own command line or its fix-up for Django import something.
ASKING = {"APP": "redis", "LOADER": "types", "CONFIG_MODULE": "celeryconfig", "DJANGO_SETTINGS_MODULE": "types"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of modules, each of which notes that it ran."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in PACKAGES:
        (folder / name).mkdir()
        note_running(folder / name / "__init__.py")
        note_running(folder / name / "__main__.py")
    for name in (*MODULES, *FOUND_BY_NAME):
        note_running(folder / f"{name}.py")
    return folder


def note_running(module: Path) -> None:
    module.write_text(f"open({str(module)!r} + '.ran', 'w').close()\n")


def ran(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.ran"))


def test_a_farm_runs_its_own_code(folder: Path, scripted: Install) -> None:
    with running_farm(folder, **lean_settings(scripted), **ASKING) as running, running.client() as client:
        assert client.verify(TRUE)[0].outcome is Outcome.ACCEPTED
        assert client.retrieve("a b : Nat\n⊢ a + b = b + a", k=1)
        assert running.command("index", "info").returncode == 0

    assert ran(folder) == []


def test_the_module_does_not_look_in_the_working_directory(tmp_path: Path) -> None:
    note_running(tmp_path / "httpx.py")
    note_running(tmp_path / "typer.py")

    run = subprocess.run([sys.executable, "-m", "farm", "--version"], cwd=tmp_path, check=True, capture_output=True)

    assert run.stdout.startswith(b"leanfarm ")
    assert ran(tmp_path) == []
