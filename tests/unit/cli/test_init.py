"""`farm init`: four questions, an .env that the settings read, and a reason for each line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from farm.settings import load


def init(folder: Path, *arguments: str, answers: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "farm", "init", *arguments]
    return subprocess.run(command, cwd=folder, input=answers, capture_output=True, text=True, timeout=60, check=False)


def test_its_answers_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "my project's"
    project.mkdir()
    (project / "lakefile.toml").touch()

    done = init(tmp_path, answers=f"y\nnowhere\n{project}\n3\ndata dir\n")

    assert done.returncode == 0, done.stderr
    assert "nowhere is not a Lean project" in done.stderr
    assert "`farm keys create NAME` makes a key" in done.stderr
    monkeypatch.chdir(tmp_path)
    found = load()
    assert (found.farm_host, found.api_keys_file) == ("0.0.0.0", Path("api-keys"))
    assert (found.lean_project_dir, found.lean_workers, found.data_dir) == (project, 3, Path("data dir"))


def test_defaults_need_no_answer(tmp_path: Path) -> None:
    (tmp_path / "lakefile.lean").touch()

    done = init(tmp_path, "--json")

    assert json.loads(done.stdout)["settings"] == {
        "FARM_HOST": "127.0.0.1",
        "LEAN_PROJECT_DIR": ".",
        "LEAN_WORKERS": "0",
        "DATA_DIR": ".farm",
    }
    assert "# Only programs on this host reach the farm" in (tmp_path / ".env").read_text()


@pytest.mark.parametrize("arguments", [("--yes",), ()])
def test_a_file_that_is_there_is_left_alone(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / ".env").write_text("PORT=9000\n")

    done = init(tmp_path, *arguments)

    assert done.returncode == 1
    assert "exists already" in done.stderr
    assert (tmp_path / ".env").read_text() == "PORT=9000\n"


def test_what_no_farm_could_have_is_refused_before_it_is_written(tmp_path: Path) -> None:
    done = init(tmp_path, answers="n\n\n-4\n\n")

    assert done.returncode != 0
    assert "LEAN_WORKERS" in done.stderr
    assert not (tmp_path / ".env").exists()
