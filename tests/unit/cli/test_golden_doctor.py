"""What `farm doctor` and `farm doctor --sandbox` show of hosts that are well and of hosts that are not, kept as files.

tests/unit/cli/screens.py says how to renew them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.unit.cli.screens import bare_environment, compare, in_pipe, on_terminal

PROGRAM = [sys.executable, "-m", "tests.unit.cli.doctor_transcript"]
VERDICTS = ("2> nothing is missing", "2> missing: ", "2> the sandbox holds: ", "2> the sandbox does not hold: ")


def ends_with_a_verdict(shown: str) -> bool:
    """Whether each command's last line, and no other, says whether all is as it should be."""
    screens = [screen.splitlines() for screen in shown.strip().split("\n\n")]
    said = [[line for line in screen if line.startswith("2> ")] for screen in screens]
    return all(
        lines == screen[-1:] and lines[0].startswith(VERDICTS) for lines, screen in zip(said, screens, strict=True)
    )


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_terminal_shows_what_the_file_has(tmp_path: Path, columns: int) -> None:
    shown = on_terminal(PROGRAM, bare_environment(columns), tmp_path, columns)

    compare(shown, f"doctor-{columns}.txt")
    assert ends_with_a_verdict(shown)
    tables = [line for line in shown.split("\n") if not line.startswith("2> ")]
    assert max(map(cell_len, tables)) <= columns


def test_a_pipe_has_a_line_for_each_finding(tmp_path: Path) -> None:
    shown = in_pipe(PROGRAM, bare_environment(60), tmp_path)

    compare(shown, "doctor-pipe.txt")
    assert ends_with_a_verdict(shown)
