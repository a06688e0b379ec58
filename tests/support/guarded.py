"""The real session and guard over a REPL, in a process of their own: a session ends all descendants of its process.

`python -m tests.support.guarded REPL_DIR LAKE STEPS`; the steps are JSON, and so is the list of outcomes it prints.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from farm.settings import Settings
from tests.support.repl.install import Install
from workers.lean.repl_config import configure
from workers.lean.repl_events import ReplEnded
from workers.lean.repl_reply import Reply
from workers.lean.session import Session
from workers.lean.verdict import judge


def outcomes(repl: Install, *steps: str | dict[str, Any]) -> list[dict[str, Any]]:
    """Run texts one after the other, and return for each what was `said` and the REPL's `pid` before and `after` it.

    Args:
        repl: the scripted REPL.
        steps: texts, or `{"text", "timeout_s"?, "domain"?, "await_output"?}`. With `await_output`, the text is run
            only once the REPL has printed something unasked.
    """
    given = [{"text": step} if isinstance(step, str) else step for step in steps]
    command = [sys.executable, "-m", __name__, str(repl.repl_dir), str(repl.lake_path), json.dumps(given)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _outcome(session: Session, step: dict[str, Any]) -> dict[str, Any]:
    session.enter(step.get("domain", "strict"))
    session.ensure_alive()
    pid = session.pid
    try:
        header = session.load("")
        if step.get("await_output"):
            select.select([session._repl._server._process.stdout], [], [], 20)  # type: ignore[type-var]
        response = session.run(header, step["text"], step.get("timeout_s", 20))
        is_fine = isinstance(response, Reply) and judge(response.messages, response.sorries) is None
        said = "fine" if is_fine else "error"
    except ReplEnded as error:
        said = type(error).__name__
    return {"said": said, "pid": pid, "after": session.pid}


def main() -> None:
    repl_dir, lake, steps = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), lean_repl_dir=Path(repl_dir), lake_path=lake)
        session = Session(configure(settings, lake), settings)
        print(json.dumps([_outcome(session, step) for step in json.loads(steps)]))
        session.end()


if __name__ == "__main__":
    main()
