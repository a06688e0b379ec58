"""Runs commands one after the other in one process, and prints each with what it shows; a program of its own.

Lines of stderr come after those of stdout, with `2> ` in front.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable

from farm.cli.app import run


def show(command: str, action: Callable[[], object]) -> None:
    """Print a command, what an action writes, and its exit status unless that is 0."""
    sys.stdout.write(f"$ {command}\n")
    told, sys.stderr = sys.stderr, io.StringIO()
    code = 0
    try:
        action()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    said, sys.stderr = sys.stderr, told
    sys.stdout.write("".join(f"2> {line}\n" for line in said.getvalue().splitlines()))
    sys.stdout.write(f"exit {code}\n\n" if code else "\n")
    sys.stdout.flush()


def main() -> None:
    """Run the commands of the JSON list in the first argument."""
    for command in json.loads(sys.argv[1]):
        sys.argv = ["farm", *command]
        show(" ".join(sys.argv if command else ["farm", ""]), run)


if __name__ == "__main__":
    main()
