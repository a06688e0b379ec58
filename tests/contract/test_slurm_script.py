"""The script for Slurm; tests/integration/test_slurm.py runs it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "slurm" / "leanfarm.sbatch"


def test_bash_takes_the_script() -> None:
    run = subprocess.run(["bash", "-n", str(SCRIPT)], capture_output=True, text=True, check=False)

    assert (run.returncode, run.stderr) == (0, "")


def test_python_takes_what_each_node_runs() -> None:
    [program] = re.findall(r"python\" -c '\n(.*?)\n' ", SCRIPT.read_text(), re.DOTALL)

    compile(program, str(SCRIPT), "exec")


def test_slurm_gets_its_options_before_the_first_command() -> None:
    lines = SCRIPT.read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))

    assert [number for number, line in enumerate(lines) if line.startswith("#SBATCH") and number > first] == []
