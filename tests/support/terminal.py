"""A terminal of 80 columns, on which a command runs as it does for a person."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

from tests.support.running import RunningFarm

_COLUMNS = 80


def on_terminal(farm: RunningFarm, *arguments: str) -> tuple[int, str]:
    """Run a `farm` command with stdin, stdout and stderr on one terminal; return its exit code, and all it showed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, _COLUMNS, 0, 0))
    environment = {**farm.environment, "FARM_URL": farm.url, "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "farm", *arguments]
    with subprocess.Popen(
        command, env=environment, cwd=farm.folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        shown = read_to_end(ours)
    return process.returncode, shown


def read_to_end(terminal: int) -> str:
    """Return all that a terminal shows, until the last process has closed its end; close ours."""
    shown = b""
    with os.fdopen(terminal, "rb", buffering=0) as screen:
        try:
            while piece := screen.read(65536):
                shown += piece
        except OSError:
            # Linux raises this when the last process has closed the other end.
            pass
    return shown.decode()
