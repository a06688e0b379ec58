"""`farm doctor --install-lean` checks the result itself, and does not rely on what the installer says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LAKE = 'mkdir -p "$HOME/.elan/bin"\nprintf "#!/bin/sh\\necho Lake version 5.0.0\\n" > "$HOME/.elan/bin/lake"\n'


def install(home: Path, curl: str) -> subprocess.CompletedProcess[str]:
    """Install into an empty home, with a stand-in for what the installer downloads with."""
    program = home / "bin" / "curl"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{curl}\n")
    program.chmod(0o755)
    environment = {**os.environ, "HOME": str(home), "PATH": f"{program.parent}:/usr/bin:/bin", "LAKE_PATH": "lake"}
    command = [sys.executable, "-m", "farm", "doctor", "--install-lean", "--json"]
    return subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    "curl",
    [
        "echo 'curl: (6) Could not resolve host' >&2; exit 6",
        "echo 'echo an installer that ends too early'",
        f"cat <<'END'\n{LAKE}END",
    ],
    ids=["no network", "nothing installed", "a lake that does not run"],
)
def test_without_a_lake_that_runs_it_says_so(tmp_path: Path, curl: str) -> None:
    run = install(tmp_path, curl)

    assert run.returncode == 1
    assert "Lean was not installed, for the reason above" in run.stderr
    assert "success" not in run.stderr
    assert run.stdout == ""


def test_the_reason_is_told(tmp_path: Path) -> None:
    assert "Could not resolve host" in install(tmp_path, "echo 'curl: (6) Could not resolve host' >&2; exit 6").stderr


def test_with_one_it_names_its_version(tmp_path: Path) -> None:
    run = install(tmp_path, f"cat <<'END'\n{LAKE}chmod +x \"$HOME/.elan/bin/lake\"\nEND")

    assert "Lake version 5.0.0" in run.stderr
