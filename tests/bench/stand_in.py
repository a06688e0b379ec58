"""A stand-in REPL in C, built where there is a C compiler. It is not Lean.

It answers at once or sleeps as told. It costs next to no CPU, so that what is measured is the farm's own cost.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.repl.install import Install, install

_SOURCE = Path(__file__).with_name("stand_in.c")


def build(directory: Path, **environment: str) -> Install:
    """Return an installation whose REPL is the C stand-in; `environment` sets how long it sleeps (`FAKE_…`)."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    installed = install(directory)
    binaries = installed.repl_dir / ".lake" / "build" / "bin"
    subprocess.run([compiler, "-O2", "-o", binaries / "stand_in", _SOURCE], check=True)
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    (binaries / "repl").write_text(f"#!/bin/sh\n{exports}exec {shlex.quote(str(binaries / 'stand_in'))}\n")
    return installed
