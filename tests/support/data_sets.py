"""Small data sets for `farm verify`, and its verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TRUE = "theorem two : 1 + 1 = 2 := by rfl"


FALSE = "theorem three : 1 + 1 = 3 := by decide"


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().split("\n") if line]
