"""`farm demo`: a farm starts, answers and stops; it says what judged, and without a Lean that nothing did."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from farm.processes import own_module
from tests.support.repl.install import Install
from tests.support.running import processes_of, sandbox_settings, scripted_settings, started_settings


def demo(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run it in a folder, with a farm's settings that it must not use."""
    environment = {**started_settings(folder, **settings), "TMPDIR": str(folder)}
    done = subprocess.run(
        own_module("farm", "demo", *arguments),
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert not list(folder.iterdir()), "nothing is left behind"
    assert not list(processes_of(folder))
    return done


def test_it_shows_what_a_farm_does(tmp_path: Path, scripted: Install) -> None:
    # A store that is not there: the demo has its own.
    done = demo(tmp_path, "--json", REDIS_URL="redis://127.0.0.1:1/0", **scripted_settings(scripted))

    shown = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert {each["id"]: each["reason"] or each["outcome"] for each in shown["verdicts"]} == {
        "right": "accepted",
        "wrong": "error",
        "open": "sorry",
    }
    assert "scripted" in shown["lean"]
    assert shown["premises"][0]["name"] == "Nat.add_comm"


def test_without_lean_it_says_so(tmp_path: Path) -> None:
    done = demo(tmp_path, LAKE_PATH="/nowhere/lake", **sandbox_settings())

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("undecided\tfarm_error") == 3
    assert "there is no Lean here, so no proof was judged: `farm doctor --install-lean` installs it" in done.stderr
    assert "Nat.add_comm" in done.stdout
