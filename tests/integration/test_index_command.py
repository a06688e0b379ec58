"""`farm index`: builds what `DATA_REPO` lacks, continues where it was stopped, and describes the index."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.tei import Tei


def farm(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(folder / "data"), **settings}
    command = [sys.executable, "-m", "farm", "index", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def described(run: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def test_info_builds_nothing_and_build_builds_once(tmp_path: Path) -> None:
    before = described(farm(tmp_path, "info", "--json"))
    built = described(farm(tmp_path, "build", "--json"))
    table = farm(tmp_path, "info").stdout

    assert (before["built"], built["built"]) == (False, True)
    [file] = built["files"]
    assert Path(file["path"]).stat().st_size == file["bytes"] > built["premises"] * built["dimension"] * 4
    assert {**built, "built": False, "files": []} == {**before, "files": []}
    assert f"snapshot\t{built['snapshot']}\n" in table
    assert described(farm(tmp_path, "info", "--json")) == built


def test_a_build_that_was_cut_off_goes_on_where_it_was(tmp_path: Path) -> None:
    with Tei() as tei:
        settings = {"EMBED_SERVICE_URL": tei.url, "EMBED_SERVICE_TIMEOUT": "1"}
        described(farm(tmp_path, "info", "--json", **settings))
        # One call for the dimension and twelve for half of the corpus, then the service is gone.
        tei.then(*[None] * 13)
        tei.always = 503
        failed = farm(tmp_path, "build", **settings)
        tei.always = None
        tei.calls.clear()
        built = described(farm(tmp_path, "build", "--json", **settings))

    assert failed.returncode == 1
    assert tei.url in failed.stderr
    assert "Traceback" not in failed.stderr
    embedded = sum(map(len, tei.calls)) - 1
    assert 0 < embedded < built["premises"], "what was there is not embedded again"
    assert (built["premises"] - embedded) % 256 == 0


@pytest.mark.parametrize("command", ["build", "info"])
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, command: str) -> None:
    (tmp_path / "empty").mkdir()
    run = farm(tmp_path, command, DATA_REPO=str(tmp_path / "empty"))

    assert run.returncode == 1
    assert "holds neither premises.tar.gz nor Declarations/" in " ".join(run.stderr.split())
    assert "Traceback" not in run.stderr
