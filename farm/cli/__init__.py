"""The `farm` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; if a library that it needs is not installed, say how to install it."""
    try:
        from farm.cli.app import run
    except ModuleNotFoundError as error:
        sys.exit(f"`farm` needs {error.name}, which `pip install 'leanfarm[cli]'` installs")
    run()
