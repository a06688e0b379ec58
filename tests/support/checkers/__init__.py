"""Stand-ins for the command lines of Lean 4.35's lean, leanexport, lake comparator, leanchecker and nanoda_bin.

Scripts, not checkers: they require the arguments and files that the real ones require, and do what a text says after
`-- DEED`. Their .olean is the source, and their export is one JSON line.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_PROGRAMS = ("lean", "leanexport", "lake", "leanchecker", "nanoda_bin")


def install_toolchain(folder: Path, *, without: str = "") -> Path:
    """Write the programs into `bin`, as a toolchain has them, and return the toolchain's folder."""
    source = Path(__file__).with_name("programs.py").read_text()
    (folder / "bin").mkdir(parents=True)
    for name in _PROGRAMS:
        if name != without:
            program = folder / "bin" / name
            program.write_text(f"#!{os.path.realpath(sys.executable)} -IS\n{source}")
            program.chmod(0o755)
    return folder


def wrap_lake(lake: Path, toolchain: Path, folder: Path) -> Path:
    """Write a `lake` that says, as the real one does, where its toolchain is, and return it."""
    wrapped = folder / "lake"
    wrapped.write_text(f'#!/bin/sh\nexport LEAN_SYSROOT={toolchain}\nexec {lake} "$@"\n')
    wrapped.chmod(0o755)
    return wrapped
