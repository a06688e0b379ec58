"""Runs `farm bundle` on stand-ins: a toolchain that is a script, and a pip that fetches nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from farm.processes import own_module
from tests.support.repl.install import Install
from tests.support.running import scripted_settings, started_settings

_LAKE = """#!/bin/sh
shift
export LEAN_SYSROOT="$(cd "$(dirname "$0")/.." && pwd)"
"$@"
"""
_PIP = """import pathlib, sys
if sys.argv[-1].startswith("leanfarm[") and not pathlib.Path("no-network").exists():
    folder = pathlib.Path(sys.argv[sys.argv.index("--wheel-dir") + 1])
    folder.mkdir(parents=True)
    (folder / "leanfarm-1-py3-none-any.whl").write_text(" ".join(sys.argv[1:]))
else:
    sys.exit("no network")
"""


def bundle_command(folder: Path, repl: Install, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `farm bundle` in a folder, on a host that has a toolchain and a REPL."""
    lake = folder / "toolchain" / "bin" / "lake"
    pip = folder / "pip"
    for path, text in ((lake, _LAKE), (pip / "__init__.py", ""), (pip / "__main__.py", _PIP)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    lake.chmod(0o755)
    own = {**scripted_settings(repl), "LAKE_PATH": str(lake), "PYTHONPATH": str(folder)}
    return subprocess.run(
        own_module("farm", "bundle", *arguments),
        env={**started_settings(folder, **{**own, **settings}), "PATH": os.environ["PATH"]},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
