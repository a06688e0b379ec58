"""`python -m farm`: the `farm` command."""

import sys
from pathlib import Path

# With `-m`, Python looks for imports in the working directory first. A user's file there may have the name of a module.
if not sys.flags.safe_path and Path(sys.path[0]) != Path(__file__).parents[1]:
    del sys.path[0]

from farm.cli import main

main()
