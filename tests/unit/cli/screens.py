"""Runs a program on a terminal or in a pipe, and compares what it shows with a golden file.

`GOLDEN=write python -m pytest tests/unit/cli` rewrites the files; read the difference before a commit.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

from tests.support.terminal import read_to_end

GOLDEN = Path(__file__).parent / "golden"
ROOT = Path(__file__).resolve().parents[3]
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def bare_environment(columns: int) -> dict[str, str]:
    """Return an environment without this machine's settings, for a terminal of some columns."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "HOME")}
    fixed = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "TZ": "UTC", "TERM": "xterm-256color"}
    return {**kept, **fixed, "COLUMNS": str(columns)}


def on_terminal(program: list[str], environment: dict[str, str], folder: Path, columns: int) -> str:
    """Return what a program shows on a terminal, without its colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with subprocess.Popen(program, env=environment, cwd=folder, stdin=theirs, stdout=theirs) as process:
        os.close(theirs)
        shown = read_to_end(ours)
    assert process.returncode == 0
    return _ANSI.sub("", shown.replace("\r\n", "\n"))


def in_pipe(program: list[str], environment: dict[str, str], folder: Path) -> str:
    """Return what a program writes into a pipe."""
    done = subprocess.run(program, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def compare(shown: str, name: str) -> None:
    """Compare what was shown, apart from spaces at the ends of lines, with a golden file."""
    shown = "\n".join(line.rstrip() for line in shown.split("\n"))
    path = GOLDEN / name
    if os.environ.get("GOLDEN") == "write":
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text(encoding="utf-8"), (
        f"{path} says otherwise; the head of this file says how to renew it"
    )
