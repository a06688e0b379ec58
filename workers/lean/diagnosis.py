"""`python -m workers.lean.diagnosis [FILE]`: find Lean as the workers do, run one proof, and say in JSON what happened.

FILE is the file of an environment, as for `python -m workers.lean`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from farm.environments import load_environment
from farm.logs import configure_logs
from farm.models import Proof
from farm.settings import Settings, load
from workers.lean.checkers.attestation import open_checker
from workers.lean.installation import Installation, prepare
from workers.lean.repl_events import ReplEvent
from workers.lean.session import Session

_STATEMENT = "theorem farm_check : 1 + 1 = 2"
_TRUE = Proof(statement=_STATEMENT, code="by rfl")
# Lean accepts this code, but it does not prove the statement: it proves another proposition under the same name.
_OTHER = Proof(statement=_STATEMENT, code="theorem farm_check : 2 + 2 = 4 := by rfl")


def check(settings: Settings) -> dict[str, Any]:
    """Return what was found: whether all is well (`ok`), and if not, what to do (`notice`)."""
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
    except (ReplEvent, OSError) as error:
        return {**found, "notice": f"The REPL does not work: {error}"}
    found |= {"ok": works, "first_answer_s": round(time.monotonic() - started, 3)}
    return found | (_check_checker(settings, installation) if settings.checker_command else {})


def _check_checker(settings: Settings, installation: Installation) -> dict[str, str]:
    """Return the external checker's version, and a notice that is empty if the checker judges rightly."""
    checker = open_checker(installation.checker, settings.checker_timeout_s, lambda: False)
    if checker is None:
        return {"checker": "", "checker_notice": "It does not work; the log above says why"}
    for proof, expected in ((_TRUE, "accepted"), (_OTHER, "rejected")):
        said = checker.check(proof, installation.environment.model_dump())
        if said.answer != expected:
            notice = f"It should have {expected} `{proof.code}`, but its answer is {said.answer}: {said.detail}"
            return {"checker": checker.version, "checker_notice": notice}
    return {"checker": checker.version, "checker_notice": ""}


if __name__ == "__main__":
    configure_logs("check")
    settings = load_environment(Path(sys.argv[1])) if len(sys.argv) > 1 else load()
    with tempfile.TemporaryDirectory() as folder:
        report = check(settings.model_copy(update={"data_dir": Path(folder)}))
    sys.stdout.write(json.dumps(report) + "\n")
