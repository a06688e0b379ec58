"""The documents: the site builds, every page is in it, its links and commands are real."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from typer.core import TyperGroup
from typer.main import get_command

from farm.cli.app import app

ROOT = Path(__file__).resolve().parents[2]


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110, check=False)

    assert built.returncode == 0, built.stderr
    reference = (tmp_path / "reference" / "python" / "index.html").read_text()
    assert "Return the premises nearest to a goal, the best first." in reference
    assert len(list(tmp_path.rglob("index.html"))) == len(list((ROOT / "docs").rglob("*.md")))


def test_the_command_line_has_an_example_of_every_command() -> None:
    examples = (ROOT / "docs" / "cli.md").read_text()

    assert [name for name in commands(get_command(app), "farm") if f" {name}" not in examples] == []


def commands(command: object, name: str) -> Iterator[str]:
    """Yield the full names of the commands below one, such as `farm keys create`."""
    if not isinstance(command, TyperGroup):
        yield name
        return
    for part, below in command.commands.items():
        yield from commands(below, f"{name} {part}")
