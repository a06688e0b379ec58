"""The code in README.md runs as it is written there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.running import RunningFarm

ROOT = Path(__file__).resolve().parents[2]


def test_the_sdk_example_runs(farm: RunningFarm) -> None:
    [example] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    environment = {**farm.environment, "FARM_URL": farm.url}

    run = subprocess.run(
        [sys.executable, "-c", example], env=environment, cwd=farm.folder, capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    assert "accepted None 1.0" in run.stdout
    assert "1.0" in run.stdout.splitlines()[3]
    assert "Nat.add_comm" in run.stdout


def test_the_examples_are_what_readme_says(farm: RunningFarm) -> None:
    run = farm.command("verify", str(ROOT / "docs" / "examples"), "--timeout", "1", "--no-cache")

    outcomes = {Path(line.split("\t")[0]).name: line.split("\t")[1] for line in run.stdout.splitlines()[1:]}
    assert outcomes == {
        "accepted.lean": "accepted",
        "accepted_too.lean": "accepted",
        "wrong.lean": "rejected",
        "unfinished.lean": "rejected",
        "endless.lean": "undecided",
    }


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
