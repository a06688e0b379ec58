"""Runs the LeanInteract requests of one task, in order, in a REPL process that nothing else uses before or after."""

from __future__ import annotations

import time
from typing import Any

from farm.models import Answer, Commands, Environment, Reason
from farm.store.claims import Claim, ClaimedItem
from farm.store.lanes import lane_domain
from workers.lean.repl_events import ReplEnded, ReplOutOfMemory, ReplTimeout
from workers.lean.repl_watch import Died, Watch
from workers.lean.reply_depth import cut
from workers.lean.session import Session


class Conversation:
    """Runs sequences of requests on the REPL of this process."""

    def __init__(self, session: Session, watch: Watch, environment: Environment) -> None:
        self._session = session
        self._watch = watch
        self._environment = environment

    def run(self, item: ClaimedItem, task: Commands, claim: Claim) -> Answer:
        """Return the REPL's reply to each request, up to the last one that was answered.

        No verdict depends on these replies. So the farm does not ask the REPL to print the guard's token, which would
        show that the replies are genuine. The command that prints the token would use up an environment number.

        Raises:
            Died: the REPL died during a request.
            GivenUp, StartFailed: as `Judge.run` does.
        """
        self._session.enter(lane_domain(claim.lane))
        self._session.end()
        try:
            self._session.ensure_alive()
            return self._talk(item, task, claim)
        finally:
            self._session.end()

    def _talk(self, item: ClaimedItem, task: Commands, claim: Claim) -> Answer:
        timeout_s, started = float(claim.options["timeout_s"]), time.monotonic()
        replies: list[dict[str, Any]] = []
        reason, message = None, ""
        try:
            for request in task.requests:
                fields = request.model_dump(exclude_none=True)
                reply = self._watch.run(timeout_s, lambda fields=fields: self._session.talk(fields, timeout_s))  # type: ignore[misc]
                replies.append(cut(reply))
        except ReplTimeout:
            reason, message = Reason.TIMEOUT, f"Lean did not answer request {len(replies)} within {timeout_s:g} s"
        except ReplOutOfMemory:
            reason = Reason.OUT_OF_MEMORY
            message = f"Request {len(replies)} took more memory than one REPL may have (LEAN_MEMORY_LIMIT_MB)"
        except ReplEnded as error:
            raise Died(f"{error}, at request {len(replies)}") from error
        return claim.answer(
            item, replies, started=started, environment=self._environment, reason=reason, message=message
        )
