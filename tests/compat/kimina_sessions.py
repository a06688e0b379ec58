"""Runs sessions of kimina-client and makes their answers comparable."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.compat.kimina_cases import Case

_OWN = ("env", "proofState", "time")


def session(scratch: Path, mode: str, url: str, cases: dict[str, Case]) -> dict[str, Any]:
    """Return the answers of a session, `sync` or `async`, in a process of its own."""
    asked, answered = scratch / "cases.json", scratch / "answers.json"
    asked.write_text(json.dumps({name: asdict(case) for name, case in cases.items()}))
    command = [sys.executable, "-m", "tests.compat.kimina_session", mode, url, str(asked), str(answered)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    answers: dict[str, Any] = json.loads(answered.read_text())
    return answers


def comparable(value: Any) -> Any:
    """Return an answer without the numbers that are each server's own; of diagnostics the names remain."""
    if isinstance(value, dict):
        kept = {name: part for name, part in value.items() if name not in _OWN}
        return {name: sorted(part) if name == "diagnostics" else comparable(part) for name, part in kept.items()}
    return [comparable(part) for part in value] if isinstance(value, list) else value
