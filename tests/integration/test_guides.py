"""The guides, executed: their Python in one process each, their printed output compared."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.client import Manifest
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, running_farm, scripted_settings

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"
# kimina-client 0.2.1 uses `typing.TypedDict`, which pydantic refuses before Python 3.12.
OLDER_PYTHON = """
import sys, typing, typing_extensions
if sys.version_info < (3, 12):
    typing.TypedDict = typing_extensions.TypedDict
"""


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory, scripted: Install) -> Iterator[RunningFarm]:
    """A farm as its reader has it, cache and all."""
    with running_farm(tmp_path_factory.mktemp("guides"), **scripted_settings(scripted)) as running:
        yield running


def blocks(text: str, language: str) -> str:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    return "\n".join(textwrap.dedent(body) for _, body in found)


def run_guide(farm: RunningFarm, name: str, folder: Path) -> str:
    """Run all Python of a guide in one process, compare what it prints, and return the guide."""
    text = (GUIDES / name).read_text()
    environment = {**farm.environment, "LEAN_SERVER_API_URL": farm.url, "FARM_URL": farm.url}
    command = [sys.executable, "-c", OLDER_PYTHON + blocks(text, "python")]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split("\n") == [line for line in blocks(text, "text").split("\n") if line] + [""]
    return text


@pytest.mark.parametrize("guide", ["../index.md", "hammer.md", "kimina.md", "leaninteract.md", "search.md", "train.md"])
def test_the_guide_prints_what_it_says(farm: RunningFarm, tmp_path: Path, guide: str) -> None:
    run_guide(farm, guide, tmp_path)


def test_the_benchmark_guide(farm: RunningFarm, tmp_path: Path) -> None:
    text = run_guide(farm, "benchmark.md", tmp_path)

    command = blocks(text, "console").split("\n")[0].removeprefix("$ farm ")
    run = on(farm, tmp_path, "-m", "farm", *shlex.split(command))
    assert "1 accepted, 3 rejected, 0 undecided" in run.stderr
    assert len((tmp_path / "verdicts.jsonl").read_text().splitlines()) == 4
    assert Manifest.read(tmp_path / "run.json").sha256 == Manifest.read(tmp_path / "first.json").sha256


def test_one_batch_from_laptop_to_cluster(farm: RunningFarm, tmp_path: Path) -> None:
    lines = blocks(run_guide(farm, "laptop-to-cluster.md", tmp_path), "console").split("\n")
    sent = [line.removeprefix("$ farm ") for line in lines if line.startswith("$ farm verify")]
    [compared] = [line.removeprefix("$ python ") for line in lines if line.startswith("$ python ")]
    assert len(sent) == 4, "the same command in four places"

    first, second, *_ = (on(farm, tmp_path, "-m", "farm", *shlex.split(command)) for command in sent[:2])
    assert (first.returncode, second.returncode) == (1, 1)
    assert "2 accepted, 4 rejected, 0 undecided" in first.stderr
    assert on(farm, tmp_path, *shlex.split(compared)).stdout == "{}\n", "the same farm twice"


def on(farm: RunningFarm, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with the farm's address."""
    environment = {**farm.environment, "FARM_URL": farm.url}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
