"""The site that `make docs` builds: every page is in it, its links lead somewhere, its reference is the code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110, check=False)

    assert built.returncode == 0, built.stderr
    reference = (tmp_path / "reference" / "python" / "index.html").read_text()
    assert "Return the premises nearest to a goal, the best first." in reference
    assert len(list(tmp_path.rglob("index.html"))) == len(list((ROOT / "docs").rglob("*.md")))
