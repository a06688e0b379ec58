"""The guides to public benchmarks, executed on rows of their shape. The statements are our own; a script answers."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.benchmark_rows import SETS
from tests.support.repl.install import install
from tests.support.running import RunningFarm, running_farm, scripted_settings

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides" / "benchmarks"
_BLOCK = re.compile(r"^```(console|python|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MODULES = "Init,Lean,Std,Mathlib,Aesop,FormalConjecturesUtil"


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFarm]:
    """A farm whose script knows the modules that these benchmarks import."""
    repl = install(tmp_path_factory.mktemp("repl"), SCRIPTED_MODULES=_MODULES)
    with running_farm(tmp_path_factory.mktemp("benchmarks"), **scripted_settings(repl)) as running:
        yield running


def run(farm: RunningFarm, folder: Path, *command: str) -> str:
    """Return what a command shows, a pipe for a terminal."""
    done = subprocess.run(
        [sys.executable, *command],
        env={**farm.environment, "FARM_URL": farm.url},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stdout, done.stdout
    return done.stdout


@pytest.mark.parametrize("name", SETS)
def test_the_guide_shows_what_happens(farm: RunningFarm, tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in SETS[name]))
    text = (GUIDES / f"{name}.md").read_text()
    shown = ""

    assert "a script answers in place of Lean" in text
    for kind, body in _BLOCK.findall(text):
        if kind == "console":
            command, _, expected = body.partition("\n")
            assert run(farm, tmp_path, "-m", "farm", *shlex.split(command.removeprefix("$ farm "))) == expected
        elif kind == "python":
            shown = run(farm, tmp_path, "-c", body)
        else:
            assert shown == body


def test_all_guides_are_executed() -> None:
    assert {path.stem for path in GUIDES.glob("*.md")} == set(SETS)
