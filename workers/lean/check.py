"""`python -m workers.lean.check`: find Lean as the workers do, run one proof, and say in JSON what happened."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from farm.logs import configure_logs
from farm.settings import Settings, load
from workers.lean.guard import GuardTripped, ReplGone
from workers.lean.installation import prepare
from workers.lean.session import Session, StartFailed


def check(settings: Settings) -> dict[str, Any]:
    """Return `ok`, what was found, and a `notice` that says what to do about what was not."""
    installation = prepare(settings)
    found: dict[str, Any] = {"ok": False, "notice": installation.notice, **installation.environment.model_dump()}
    if installation.config is None:
        return found
    started = time.monotonic()
    try:
        session = Session(installation.config, settings)
        try:
            session.ensure_alive()
            works = session.works(settings.lean_header_timeout_s)
        finally:
            session.end()
    except (StartFailed, ReplGone, GuardTripped, TimeoutError, MemoryError, OSError) as error:
        return {**found, "notice": f"The REPL does not work: {error}"}
    return {**found, "ok": works, "first_answer_s": round(time.monotonic() - started, 3)}


if __name__ == "__main__":
    configure_logs("check")
    with tempfile.TemporaryDirectory() as folder:
        report = check(load(data_dir=Path(folder)))
    sys.stdout.write(json.dumps(report) + "\n")
