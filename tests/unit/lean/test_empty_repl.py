"""A task is blamed for a death, or for too much memory, only if the REPL held nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from farm.models import Candidates, Outcome, Proof, Reason, Verdict
from farm.store.claims import Claim, ClaimedItem
from farm.store.lanes import lane_name
from tests.support.fake_session import FakeSession, response
from tests.support.lean_process import ENVIRONMENT
from workers.lean.checkers.attestation import Attestor
from workers.lean.engine import LeanEngine
from workers.lean.executor import Executor
from workers.lean.repl_events import ReplGone, ReplOutOfMemory
from workers.lean.repl_reply import Reply
from workers.lean.repl_watch import Died, Watch
from workers.lean.time_slices import Slices
from workers.lean.watchdog import Watchdog
from workers.metric_counts import Metrics

MATHLIB, AESOP = "import Mathlib", "import Aesop"
OPTIONS = {"timeout_s": 60.0, "gate": "off", "level": "compiled"}


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
def run(session: FakeSession) -> Callable[..., Any]:
    watchdog = Watchdog(10_000, lambda: False)
    executor = Executor(session, Watch(session, watchdog, 60.0), ENVIRONMENT, Attestor(None, 0), Slices())
    engine = LeanEngine(session, watchdog, executor, ENVIRONMENT, 1000, Metrics())

    def run_task(task: Proof | Candidates, deaths: int = 0) -> Any:
        item = ClaimedItem(0, "p", task, deaths=deaths)
        claim = Claim("l", lane_name("default", "", "me"), "b", "me", OPTIONS, 0.0, 0, 0.0, "", (item,))
        return engine.run(item, claim)

    return run_task


def bearing(session: FakeSession, most: int, end: Exception) -> Callable[[str], Reply]:
    """Return a Lean that bears so many texts in one REPL: the next one ends it."""
    ran = Counter[int]()

    def lean(_: str) -> Reply:
        ran[session.generation] += 1
        if ran[session.generation] > most:
            raise end
        return response()

    return lean


def test_a_header_that_was_loaded_before_is_not_the_proofs_memory(
    session: FakeSession, run: Callable[..., Verdict]
) -> None:
    session.lean = bearing(session, 1, ReplOutOfMemory())
    session.ensure_alive()
    session.load(AESOP)

    found = run(Proof(code="theorem a : True := trivial"))

    assert (found.outcome, found.attempts) == (Outcome.ACCEPTED, 2)


def test_the_proofs_own_header_is_its_memory(session: FakeSession, run: Callable[..., Verdict]) -> None:
    session.lean = bearing(session, 1, ReplOutOfMemory())
    session.ensure_alive()
    session.load(MATHLIB)

    found = run(Proof(code=f"{MATHLIB}\ntheorem a : True := trivial"))

    assert (found.reason, session.restarts) == (Reason.OUT_OF_MEMORY, 0)


def test_a_goal_is_not_blamed_for_the_header_of_another(session: FakeSession, run: Callable[..., Any]) -> None:
    session.lean = bearing(session, 2, ReplOutOfMemory())
    run(Proof(code=f"{MATHLIB}\n"))

    found = run(Candidates(proof=Proof(code=f"{AESOP}\ntheorem a : True := by sorry"), candidates=[["trivial"]]))

    assert found.reason is not Reason.OUT_OF_MEMORY
    assert session.restarts == 1


def test_a_proof_that_has_died_runs_in_a_repl_that_has_run_nothing(
    session: FakeSession, run: Callable[..., Verdict]
) -> None:
    session.lean = bearing(session, 1, ReplGone("The REPL ended"))
    run(Proof(code="theorem first : True := trivial"))
    proof = Proof(code="theorem a : True := trivial")

    with pytest.raises(Died):
        run(proof)
    run(Proof(code="theorem second : True := trivial"))
    found = run(proof, deaths=1)

    assert found.outcome is Outcome.ACCEPTED
