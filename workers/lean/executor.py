"""Runs the tasks of a claim, whatever their kind, on the one REPL of this process."""

from __future__ import annotations

from farm.models import Candidates, Commands, Environment
from farm.store.claims import Claim, ClaimedItem
from farm.store.leases import Result
from workers.lean.checkers.attestation import Attestor
from workers.lean.conversation import Conversation
from workers.lean.judging import Judge
from workers.lean.repl_watch import Watch
from workers.lean.report import Reporter
from workers.lean.session import Session
from workers.lean.tactic_search import TacticSearcher
from workers.lean.time_slices import Slices


class Executor:
    """Sends each task to the runner for its kind."""

    def __init__(
        self, session: Session, watch: Watch, environment: Environment, attestor: Attestor, slices: Slices
    ) -> None:
        self._attestor = attestor
        self._reporter = Reporter(Judge(session, watch, environment, slices), session)
        self._conversation = Conversation(session, watch, environment)
        self._searcher = TacticSearcher(session, watch, environment)

    def run(self, item: ClaimedItem, claim: Claim) -> Result:
        """Return the verdict on a proof, or the answer to another task.

        Raises:
            Died: the REPL died or sent a false reply while running the task.
            SliceExpired: the proof outlasted its slice, and others come first.
            GivenUp: the batch is cancelled, the lease is lost, or this process has to stop.
            StartFailed: this host cannot start a REPL.
        """
        match item.task:
            case Commands() as commands:
                return self._conversation.run(item, commands, claim)
            case Candidates() as candidates:
                return self._searcher.run(item, candidates, claim)
            case _:
                found = self._reporter.run(item, claim)
                return self._attestor.examine(found, item.proof, claim.options["level"])
